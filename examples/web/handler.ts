// A visit counter as a Fetch handler, for any runtime that takes one: `export default { fetch }`.
import { createSessions } from 'coatcheck'
import { webSession } from 'coatcheck/web'

const sessions = createSessions<{ visits: number }>()

export default {
  fetch: webSession(sessions, (request) => new Response(`Visit ${sessions.of(request).increment('visits')}\n`)),
}
