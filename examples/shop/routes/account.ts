import { Router } from 'express'
import { sessions } from '../sessions.ts'
import { signInPage } from '../views/sign-in.ts'
import { field } from './form.ts'

export const accountRoutes: Router = Router()

/** Shown on the sign-in page. A real shop keeps a slow hash per user instead (scrypt, argon2). */
export const DEMO_PASSWORD = 'hatstand'

accountRoutes.get('/sign-in', (req, res) => {
  res.send(signInPage(sessions.of(req), DEMO_PASSWORD))
})

accountRoutes.post('/sign-in', (req, res) => {
  const session = sessions.of(req)
  const name = field(req, 'name')
  if (name === '' || name.length > 40 || field(req, 'password') !== DEMO_PASSWORD) {
    session.flash.set('notice', 'That did not match. Any name will do; the password is on this page.')
    res.redirect(303, '/sign-in')
    return
  }
  const idBefore = session.id
  // Moves the session to a new token, so that one which somebody planted or saw before is worth nothing now. The cart
  // comes along. Had another user been signed in here, nothing would.
  session.login(name)
  session.flash.set('notice', `Welcome, ${name}. The session's id was ${idBefore} and is a new one now.`)
  res.redirect(303, '/session')
})

accountRoutes.post('/sign-out', (req, res) => {
  const session = sessions.of(req)
  const theme = session.get('theme')
  session.logout()
  // The old session has ended for good, cart and all. What is written from here on belongs to a fresh one.
  if (theme) session.set('theme', theme)
  session.flash.set('notice', 'You are signed out.')
  res.redirect(303, '/')
})
