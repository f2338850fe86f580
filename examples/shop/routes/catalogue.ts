import { Router } from 'express'
import { sessions } from '../sessions.ts'
import { cataloguePage } from '../views/catalogue.ts'

export const catalogueRoutes: Router = Router()

// Reads the session for the theme and the cart's count. Reading never writes: a visitor who only looks gets no cookie.
catalogueRoutes.get('/', (req, res) => {
  res.send(cataloguePage(sessions.of(req)))
})
