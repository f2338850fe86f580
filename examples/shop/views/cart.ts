import { type CartLine, count, lines, MAX_QUANTITY, total } from '../cart.ts'
import { formatPrice } from '../catalogue.ts'
import { art } from './art.ts'
import { type Html, html } from './html.ts'
import { page, type ShopSession } from './layout.ts'

export function cartPage(session: ShopSession): string {
  const cart = session.get('cart')
  const rows = lines(cart)
  return page({
    session,
    path: '/cart',
    title: 'Your cart',
    main: html`
      <h1>Your cart</h1>
      ${
        rows.length === 0
          ? emptyCart
          : html`<div class="columns">
        <ul class="lines">${rows.map(row)}</ul>
        ${summary(count(cart), total(cart))}
      </div>`
      }`,
  })
}

const emptyCart = html`<div class="panel empty">
        <p>Nothing in it yet.</p>
        <p><a class="button" href="/">Look around the shop</a></p>
      </div>`

function row({ product, quantity, total }: CartLine): Html {
  return html`
          <li class="line">
            ${art(product)}
            <div class="what">
              <h2>${product.name}</h2>
              <p class="about">${formatPrice(product.price)} each</p>
            </div>
            <form class="quantity" method="post" action="/cart/quantity">
              <input type="hidden" name="product" value="${product.id}">
              <label class="unseen" for="quantity-${product.id}">Quantity of ${product.name}</label>
              <input id="quantity-${product.id}" name="quantity" type="number" min="0" max="${MAX_QUANTITY}" value="${quantity}" required>
              <button class="quiet" aria-label="Update the quantity of ${product.name}">Update</button>
            </form>
            <form class="remove" method="post" action="/cart/remove">
              <button class="plain" name="product" value="${product.id}" aria-label="Remove ${product.name}">Remove</button>
            </form>
            <p class="price">${formatPrice(total)}</p>
          </li>`
}

function summary(items: number, cents: number): Html {
  return html`<section class="panel summary" aria-labelledby="summary">
          <h2 id="summary">Summary</h2>
          <dl>
            <div class="row"><dt>${items === 1 ? 'One thing' : `${items} things`}</dt><dd>${formatPrice(cents)}</dd></div>
            <div class="row"><dt>Delivery</dt><dd>Free</dd></div>
            <div class="row sum"><dt>Total</dt><dd>${formatPrice(cents)}</dd></div>
          </dl>
          <p class="about">This is where the demo ends: it has no checkout. The cart is kept in your session until you
            sign out, or stay away for two hours.</p>
        </section>`
}
