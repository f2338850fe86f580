import type { Request } from 'express'
import { findProduct, type Product } from '../catalogue.ts'

/** A field of the submitted form or JSON body as trimmed text; empty when it is absent or not text. */
export function field(req: Request, name: string): string {
  const body: unknown = req.body
  if (typeof body !== 'object' || body === null) return ''
  const value: unknown = (body as Record<string, unknown>)[name]
  return typeof value === 'string' ? value.trim() : ''
}

/** The product that the field `product` names. */
export function productField(req: Request): Product | undefined {
  return findProduct(field(req, 'product'))
}

const pages = new Set(['/', '/cart', '/session', '/sign-in'])

/** The page to go back to. One of our own: whatever else a form says would be an open redirect. */
export function backField(req: Request): string {
  const back = field(req, 'back')
  return pages.has(back) ? back : '/'
}
