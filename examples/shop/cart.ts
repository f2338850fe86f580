import { findProduct, type Product } from './catalogue.ts'

/** Quantities by product id. */
export type Cart = Record<string, number>

/** More of one product than this is not accepted from a form. */
export const MAX_QUANTITY = 9999

/** The cart with some more of a product. Like all here it returns a new cart, so that `session.update` can run it twice. */
export function add(cart: Cart, product: Product, quantity = 1): Cart {
  return setQuantity(cart, product, (cart[product.id] ?? 0) + quantity)
}

/** The cart with this many of a product; none removes it. */
export function setQuantity(cart: Cart, product: Product, quantity: number): Cart {
  const { [product.id]: _, ...others } = cart
  return quantity > 0 ? { ...cart, [product.id]: Math.min(quantity, MAX_QUANTITY) } : others
}

export interface CartLine {
  readonly product: Product
  readonly quantity: number
  /** In cents. */
  readonly total: number
}

/** What the cart page shows. A product that left the catalogue since is left out. */
export function lines(cart: Cart = {}): CartLine[] {
  return Object.entries(cart).flatMap(([id, quantity]) => {
    const product = findProduct(id)
    return product ? [{ product, quantity, total: product.price * quantity }] : []
  })
}

/** How many things are in the cart. */
export function count(cart: Cart = {}): number {
  return lines(cart).reduce((sum, line) => sum + line.quantity, 0)
}

/** In cents. */
export function total(cart: Cart = {}): number {
  return lines(cart).reduce((sum, line) => sum + line.total, 0)
}
