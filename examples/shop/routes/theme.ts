import { Router } from 'express'
import { sessions } from '../sessions.ts'
import { backField, field } from './form.ts'

export const themeRoutes: Router = Router()

themeRoutes.post('/theme', (req, res) => {
  const theme = field(req, 'theme')
  if (theme === 'light' || theme === 'dark') sessions.of(req).set('theme', theme)
  res.redirect(303, backField(req))
})
