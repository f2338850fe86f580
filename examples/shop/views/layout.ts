import type { Session } from 'coatcheck'
import { count } from '../cart.ts'
import type { Data, Flash } from '../sessions.ts'
import { type Html, html } from './html.ts'
import { bagIcon, brandIcon, moonIcon, sunIcon } from './icons.ts'

export type ShopSession = Session<Data, Flash>

export interface Page {
  readonly session: ShopSession
  readonly title: string
  /** Its own path: marks the link to it, and is where the theme button comes back to. */
  readonly path: string
  readonly main: Html
  /** Adds `public/<name>.js` to this page. */
  readonly script?: string
}

/** A page of the shop. The frame of each shows three things of the session: the theme, the cart's count, the notice. */
export function page({ session, title, path, main, script }: Page): string {
  const theme = session.get('theme')
  // Reading removes it: the notice is on exactly one page.
  const notice = session.flash.get('notice')
  return `<!doctype html>\n${html`
<html lang="en"${theme && html` data-theme="${theme}"`}>
  <head>
    ${head(notice ? `${notice} ${title}` : title)}
    ${script && html`<script type="module" src="/${script}.js"></script>`}
  </head>
  <body>
    <a class="skip" href="#main">Skip to the content</a>
    ${header(session, path)}
    <div class="notice" role="status">${notice && html`<p>${notice}</p>`}</div>
    <main id="main" tabindex="-1">${main}</main>
    <footer>
      <p>A demo of coatcheck, HTTP sessions for TypeScript. Nothing is for sale, and nothing is sent anywhere.</p>
    </footer>
  </body>
</html>
`
    .toString()
    .trim()}`
}

/** What every page has in its head. */
export function head(title: string): Html {
  return html`<meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title} · Hook &amp; Peg</title>
    <link rel="icon" href="/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/style.css">`
}

function header(session: ShopSession, path: string): Html {
  const items = count(session.get('cart'))
  return html`<header>
      <div class="bar">
        <a class="brand" href="/">${brandIcon} Hook &amp; Peg</a>
        <nav aria-label="Main">
          ${link('/', 'Shop', path)}
          ${link('/session', 'Your session', path)}
          ${session.userId === undefined ? link('/sign-in', 'Sign in', path) : signOut(session.userId)}
        </nav>
        ${themeButtons(path)}
        <a class="cart-link" href="/cart" ${path === '/cart' && html`aria-current="page"`}>
          ${bagIcon}<span class="unseen">Cart, number of things: </span><b id="cart-count" aria-live="polite">${items}</b>
        </a>
      </div>
    </header>`
}

function link(href: string, text: string, path: string): Html {
  return html`<a href="${href}" ${href === path && html`aria-current="page"`}>${text}</a>`
}

function signOut(name: string): Html {
  return html`<form method="post" action="/sign-out">
            <button class="plain" aria-label="Sign out ${name}">Sign out <span class="who">${name}</span></button>
          </form>`
}

/** One for each theme; the style sheet hides the one that is on. Until one is chosen, the system's setting decides. */
function themeButtons(path: string): Html {
  return html`<form class="theme" method="post" action="/theme">
          <input type="hidden" name="back" value="${path}">
          <button class="icon to-dark" name="theme" value="dark" aria-label="Dark theme" title="Dark theme">${moonIcon}</button>
          <button class="icon to-light" name="theme" value="light" aria-label="Light theme" title="Light theme">${sunIcon}</button>
        </form>`
}
