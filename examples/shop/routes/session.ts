import { Router } from 'express'
import { sessions } from '../sessions.ts'
import { sessionPage } from '../views/session.ts'

export const sessionRoutes: Router = Router()

sessionRoutes.get('/session', (req, res) => {
  res.send(sessionPage(sessions.of(req)))
})
