import { fileURLToPath } from 'node:url'
import { expressSession } from 'coatcheck/express'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { accountRoutes } from './routes/account.ts'
import { apiRoutes } from './routes/api.ts'
import { cartRoutes } from './routes/cart.ts'
import { catalogueRoutes } from './routes/catalogue.ts'
import { sessionRoutes } from './routes/session.ts'
import { themeRoutes } from './routes/theme.ts'
import { sameOrigin } from './same-origin.ts'
import { sessions } from './sessions.ts'
import { problemPage } from './views/problem.ts'

/** The shop as an Express application. The order is the point: what needs no session comes before it. */
export function createApp(): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(securityHeaders)
  app.use(express.static(fileURLToPath(new URL('public', import.meta.url))))

  app.use(sameOrigin, neverCached)
  app.use(expressSession(sessions))
  app.use(express.urlencoded({ extended: false, limit: '10kb' }))
  app.use(express.json({ limit: '10kb' }))

  app.use(catalogueRoutes, cartRoutes, themeRoutes, accountRoutes, sessionRoutes)
  app.use('/api', apiRoutes)

  app.use((_req, res) => {
    res.status(404).send(problemPage('Nothing hangs here', 'There is no such page in this shop.'))
  })
  app.use(reportFailure)
  return app
}

function securityHeaders(_req: Request, res: Response, next: NextFunction): void {
  res.set({
    'Content-Security-Policy':
      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    'Referrer-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
  })
  next()
}

/** Each page shows the visitor's own session: after signing out, the "back" button must not show it again. */
function neverCached(_req: Request, res: Response, next: NextFunction): void {
  res.set('Cache-Control', 'no-store')
  next()
}

/** Four parameters, for that is how Express knows an error handler. */
function reportFailure(error: unknown, _req: Request, res: Response, next: NextFunction): void {
  const status = statusOf(error)
  if (status >= 500) console.error(error)
  if (res.headersSent) return next(error)
  const page =
    status < 500
      ? problemPage('That did not work', 'The shop could not read this request.')
      : problemPage('Something broke', 'Nothing was changed. Please try again in a moment.')
  res.status(status).send(page)
}

/** Express and coatcheck put the fitting status on their errors: 503, for one, when the store does not answer. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  return typeof status === 'number' ? status : 500
}
