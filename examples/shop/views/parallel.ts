import { type Html, html } from './html.ts'

const REQUESTS = 20

/** The twenty parallel requests. `public/parallel.js` brings it to life; without JavaScript it says so. */
export function parallelPanel(): Html {
  return html`<section class="panel" id="parallel" data-product="tag" aria-labelledby="parallel-title">
            <h2 id="parallel-title">Twenty at once</h2>
            <p class="about">Sends ${REQUESTS} requests in parallel. Each puts one cloakroom tag into your cart, and all of them
              change the same value of the same session. None may be lost.</p>
            <button id="fire" hidden>Send ${REQUESTS} requests</button>
            <noscript><p>This button is the one thing here that needs JavaScript.</p></noscript>
            <ol class="dots" aria-hidden="true">${Array.from({ length: REQUESTS }, () => html`<li></li>`)}</ol>
            <p id="result" role="status"></p>
          </section>`
}
