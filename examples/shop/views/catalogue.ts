import { formatPrice, type Product, products } from '../catalogue.ts'
import { art } from './art.ts'
import { type Html, html } from './html.ts'
import { page, type ShopSession } from './layout.ts'

export function cataloguePage(session: ShopSession): string {
  return page({
    session,
    path: '/',
    title: 'Shop',
    main: html`
      <div class="hero">
        <h1>Good things for the hallway</h1>
        <p>Coats, and all that hangs beside them. Leave something in the cart, close the tab, restart the server: it
          will be waiting on its peg.</p>
      </div>
      <ul class="grid">${products.map(card)}</ul>`,
  })
}

function card(product: Product): Html {
  return html`
        <li class="card" id="${product.id}">
          ${art(product)}
          <h2>${product.name}</h2>
          <p class="about">${product.about}</p>
          <form class="buy" method="post" action="/cart/add">
            <span class="price">${formatPrice(product.price)}</span>
            <button name="product" value="${product.id}" aria-label="Add ${product.name} to the cart">Add to cart</button>
          </form>
        </li>`
}
