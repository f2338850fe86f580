// A visit counter and a one-time message on Express. Run: node tools/run-ts.mjs examples/express/server.ts
import type { AddressInfo } from 'node:net'
import { createSessions } from 'coatcheck'
import { expressSession } from 'coatcheck/express'
import express from 'express'

const sessions = createSessions<{ visits: number }, { notice: string }>()

const app = express()
app.use(expressSession(sessions))

app.get('/', (req, res) => {
  const session = sessions.of(req)
  const visits = session.increment('visits')
  res.send(`Visit ${visits}. ${session.flash.get('notice') ?? ''}\n`)
})

app.post('/forget', (req, res) => {
  const session = sessions.of(req)
  session.destroy()
  session.flash.set('notice', 'Everything is forgotten.')
  res.redirect(303, '/')
})

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`)
})
