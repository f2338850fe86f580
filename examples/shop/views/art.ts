import type { Product } from '../catalogue.ts'
import { type Html, html } from './html.ts'

/** The drawing of a product in its tone. Decoration: the name stands beside it. */
export function art(product: Product): Html {
  return html`<svg class="art ${product.tone}" viewBox="0 0 120 120" aria-hidden="true">${drawings[product.id]}</svg>`
}

/** The classes are colours of the tone: `m` main, `s` shade, `f` background, `l` background with an outline, `k` a line. */
const drawings: Readonly<Record<string, Html>> = {
  overcoat: html`<path class="m" d="M47 22h26l17 9 8 40-12 3-4-15v43H38V59l-4 15-12-3 8-40z"/>
    <path class="s" d="M47 22l13 26 13-26 5 3-3 21-15 10-15-10-3-21z"/><path class="f" d="M51 22h18l-9 18z"/>
    <path class="k" d="M60 56v46M44 78h9M67 78h9"/><circle class="f" cx="66" cy="64" r="2.5"/><circle class="f" cx="66" cy="74" r="2.5"/><circle class="f" cx="66" cy="84" r="2.5"/>`,
  raincoat: html`<path class="s" d="M42 44c-3-32 39-32 36 0z"/><path class="f" d="M50 42c-1-19 21-19 20 0v4H50z"/>
    <path class="m" d="M44 40c10 6 22 6 32 0l14 8 8 30-12 4-4-12 4 34H34l4-34-4 12-12-4 8-30z"/>
    <path class="k" d="M60 45v58M42 76h11v11H42zM67 76h11v11H67z"/>`,
  hat: html`<path class="m" d="M36 70c0-26 4-38 16-38 4 0 5 3 8 3s4-3 8-3c12 0 16 12 16 38z"/>
    <path class="s" d="M35 62h50l1 12H34z"/><path class="m" d="M12 78c8-8 20-4 48-4s40-4 48 4c-6 10-24 14-48 14s-42-4-48-14z"/>
    <path class="k" d="M20 80c22 7 58 7 80 0"/>`,
  beanie: html`<circle class="s" cx="60" cy="27" r="12"/><path class="m" d="M26 78c0-28 12-44 34-44s34 16 34 44z"/>
    <path class="k" d="M60 36v40M46 38c-6 10-8 22-8 38M74 38c6 10 8 22 8 38"/><rect class="s" x="22" y="74" width="76" height="22" rx="8"/>
    <path class="k pale" d="M34 79v12M47 79v12M60 79v12M73 79v12M86 79v12"/>`,
  scarf: html`<path class="s" d="M66 46h20l6 50H72z"/><path class="m" d="M40 46h22l-4 54H36z"/>
    <path class="m" d="M30 30c8-10 52-10 60 0 6 10 2 20-8 24-12 4-32 4-44 0-10-4-14-14-8-24z"/><path class="s" d="M42 33c8-5 28-5 36 0-8 6-28 6-36 0z"/>
    <path class="k pale" d="M40 84h16M40 91h16M74 82h10M75 88h10"/><path class="k" d="M40 100v8M47 100v8M54 100v8M75 96v8M81 96v8M88 96v8"/>`,
  mittens: html`<path class="k" d="M34 34c8-20 44-20 52 0"/>
    <path class="m" d="M22 50c0-20 26-20 26 0v12c4-6 12-4 11 3-1 8-7 12-11 15v8H22z"/><path class="m" d="M98 50c0-20-26-20-26 0v12c-4-6-12-4-11 3 1 8 7 12 11 15v8h26z"/>
    <rect class="s" x="19" y="84" width="32" height="15" rx="5"/><rect class="s" x="69" y="84" width="32" height="15" rx="5"/>
    <path class="k" d="M29 62l6-6 6 6M79 62l6-6 6 6"/>`,
  umbrella: html`<path class="k" d="M60 16v8"/><path class="k thick" d="M60 60v34c0 12 16 12 16 1"/>
    <path class="m" d="M14 64c0-26 20-42 46-42s46 16 46 42c-5-6-12-6-16 0-4-6-10-6-15 0-4-6-11-6-15 0-4-6-11-6-15 0-5-6-11-6-15 0-4-6-11-6-16 0z"/>
    <path class="s" d="M45 64c0-20 6-34 15-42 9 8 15 22 15 42-4-6-11-6-15 0-4-6-11-6-15 0z"/>`,
  boots: html`<path class="s" d="M62 20h22v50c0 6 20 8 22 20v6H62z"/><path class="l" d="M62 92h44v8H62z"/>
    <path class="m" d="M28 24h24v50c0 6 22 8 24 20v4H28z"/><path class="l" d="M26 96h52v8H26z"/>
    <path class="k" d="M28 34h24M36 42v30"/>`,
  bag: html`<path class="k thick" d="M42 48V34c0-22 36-22 36 0v14"/><path class="m" d="M24 44h72l6 56H18z"/>
    <path class="s" d="M24 44h72l1 10H23z"/><circle class="f" cx="42" cy="49" r="2.5"/><circle class="f" cx="78" cy="49" r="2.5"/>
    <path class="k" d="M44 72h32v18H44zM44 78h32"/>`,
  hanger: html`<path class="k thick" d="M60 50V40c10-2 10-18-1-18-6 0-9 4-9 8"/>
    <path class="m" d="M60 46c4 0 6 2 10 5l36 26c8 6 2 15-6 12-28-9-52-9-80 0-8 3-14-6-6-12l36-26c4-3 6-5 10-5z"/>
    <path class="s" d="M60 60l26 19c-17-4-35-4-52 0z"/>`,
  rail: html`<rect class="m" x="10" y="34" width="100" height="26" rx="5"/><path class="k" d="M74 50l-9 24M74 50l9 24"/><rect class="s" x="60" y="72" width="28" height="24" rx="3"/><path class="k pale" d="M60 80h28"/>
    <circle class="s" cx="26" cy="47" r="8"/><circle class="s" cx="50" cy="47" r="8"/><circle class="s" cx="74" cy="47" r="8"/><circle class="s" cx="97" cy="47" r="8"/>
    <circle class="f" cx="24" cy="45" r="2.2"/><circle class="f" cx="48" cy="45" r="2.2"/><circle class="f" cx="72" cy="45" r="2.2"/><circle class="f" cx="95" cy="45" r="2.2"/>`,
  tag: html`<path class="m" d="M44 28h32l14 14v54a8 8 0 0 1-8 8H38a8 8 0 0 1-8-8V42z"/><circle class="f" cx="60" cy="42" r="6"/>
    <path class="k" d="M60 43c-6-18-2-30 10-30s15 10 8 16"/><path class="k" d="M36 45l10-10h28l10 10v50a3 3 0 0 1-3 3H39a3 3 0 0 1-3-3z"/>
    <path class="f" d="M53 60l-9 14v5h9v7h5v-7h3v-5h-3V60zm0 8v6h-4zM64 60h14v15H69v6h9v5H64V70h9v-5h-9z"/>`,
}
