import { html } from './html.ts'
import { head } from './layout.ts'

/** A page that needs no session: it is also shown when there is none to be had. */
export function problemPage(title: string, text: string): string {
  return `<!doctype html>\n${html`<html lang="en">
  <head>
    ${head(title)}
  </head>
  <body>
    <main class="narrow problem">
      <h1>${title}</h1>
      <p>${text}</p>
      <p><a class="button" href="/">Back to the shop</a></p>
    </main>
  </body>
</html>`}`
}
