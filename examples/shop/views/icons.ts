import { type Html, html } from './html.ts'

/** A coat hanger. Also `public/favicon.svg`. */
export const brandIcon: Html = html`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true">
  <path d="M9.9 6a2.1 2.1 0 1 1 2.8 2c-.5.2-.7.5-.7 1v1l8.7 6c1.2.9.6 2.7-.9 2.7H4.2c-1.5 0-2.1-1.8-.9-2.7L12 10"/>
</svg>`

export const bagIcon: Html = html`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true">
  <path d="M5 8h14l1 12H4L5 8Zm4 3V7a3 3 0 0 1 6 0v4"/>
</svg>`

export const moonIcon: Html = html`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true">
  <path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z"/>
</svg>`

export const sunIcon: Html = html`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true">
  <circle cx="12" cy="12" r="4"/>
  <path d="M12 2v3m0 14v3M2 12h3m14 0h3M4.9 4.9 7 7m10 10 2.1 2.1m0-14.2L17 7M7 17l-2.1 2.1"/>
</svg>`
