import { Router } from 'express'
import { add, MAX_QUANTITY, setQuantity } from '../cart.ts'
import { sessions } from '../sessions.ts'
import { cartPage } from '../views/cart.ts'
import { field, productField } from './form.ts'

export const cartRoutes: Router = Router()

cartRoutes.get('/cart', (req, res) => {
  res.send(cartPage(sessions.of(req)))
})

// Every POST answers with a redirect, so that reloading the next page repeats nothing. coatcheck stores the session
// before the redirect leaves: the page that follows always sees the change.

cartRoutes.post('/cart/add', (req, res) => {
  const session = sessions.of(req)
  const product = productField(req)
  if (product) {
    // Not `set(get + 1)`: when two requests overlap, `update` runs again on what the other one stored.
    session.update('cart', (cart = {}) => add(cart, product))
    session.flash.set('notice', `${product.name} is in your cart.`)
  }
  res.redirect(303, product ? `/#${product.id}` : '/')
})

cartRoutes.post('/cart/quantity', (req, res) => {
  const session = sessions.of(req)
  const product = productField(req)
  const quantity = Number(field(req, 'quantity') || Number.NaN)
  if (!product || !Number.isInteger(quantity) || quantity < 0 || quantity > MAX_QUANTITY) {
    session.flash.set('notice', `Please choose a whole number from 0 to ${MAX_QUANTITY}.`)
  } else {
    session.update('cart', (cart = {}) => setQuantity(cart, product, quantity))
    session.flash.set('notice', quantity ? `${product.name}: now ${quantity}.` : `${product.name} was removed.`)
  }
  res.redirect(303, '/cart')
})

cartRoutes.post('/cart/remove', (req, res) => {
  const session = sessions.of(req)
  const product = productField(req)
  if (product) {
    session.update('cart', (cart = {}) => setQuantity(cart, product, 0))
    session.flash.set('notice', `${product.name} was removed.`)
  }
  res.redirect(303, '/cart')
})
