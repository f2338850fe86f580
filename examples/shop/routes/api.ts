import { Router } from 'express'
import { add, count } from '../cart.ts'
import { sessions } from '../sessions.ts'
import { productField } from './form.ts'

/** What `public/parallel.js` calls. */
export const apiRoutes: Router = Router()

apiRoutes.get('/cart', (req, res) => {
  res.json({ count: count(sessions.of(req).get('cart')) })
})

// Twenty requests without a cookie are twenty visitors, and each would get a session and a cart of its own. So the page
// opens one here before it sends them.
apiRoutes.post('/cart/open', (req, res) => {
  const cart = sessions.of(req).update('cart', (current = {}) => current)
  res.json({ count: count(cart) })
})

apiRoutes.post('/cart/add', (req, res) => {
  const product = productField(req)
  if (!product) {
    res.status(404).json({ error: 'There is no such product.' })
    return
  }
  const cart = sessions.of(req).update('cart', (current = {}) => add(current, product))
  res.json({ count: count(cart) })
})
