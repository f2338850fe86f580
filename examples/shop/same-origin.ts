import type { NextFunction, Request, Response } from 'express'

/**
 * Refuses what another site makes the visitor's browser send (CSRF).
 *
 * The session cookie is `SameSite=Lax`, so a foreign form arrives without it. That leaves sibling subdomains, which are
 * the same site, and sign-in, which needs no cookie. Every current browser says where a request comes from in
 * `Sec-Fetch-Site`, older ones in `Origin`, and no page can forge either. A client that sends neither is not a browser
 * and carries nobody's cookies.
 */
export function sameOrigin(req: Request, res: Response, next: NextFunction): void {
  if (req.method === 'GET' || req.method === 'HEAD' || comesFromHere(req)) return next()
  res.status(403).type('text').send('This request came from another site, so the shop did not act on it.')
}

function comesFromHere(req: Request): boolean {
  const site = req.get('Sec-Fetch-Site')
  // "none" is the visitor: an address typed, a page reloaded.
  if (site !== undefined) return site === 'same-origin' || site === 'none'

  const origin = req.get('Origin')
  return origin === undefined || origin === `${req.protocol}://${req.get('Host')}`
}
