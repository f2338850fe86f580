import { lifetimes } from '../sessions.ts'
import { type Content, type Html, html } from './html.ts'
import { page, type ShopSession } from './layout.ts'
import { parallelPanel } from './parallel.ts'
import { instant } from './time.ts'

/** Shows what the library knows about the session that the page is served in, and why it is so. */
export function sessionPage(session: ShopSession): string {
  // Before the frame of the page reads, and thereby removes, the notice.
  const facts = factsOf(session)
  const data = JSON.stringify(session, null, 2)
  return page({
    session,
    path: '/session',
    title: 'Your session',
    script: 'parallel',
    main: html`
      <h1>Your session</h1>
      <p class="lead">What the shop knows about this visit. All of it lies on the server; your browser holds one random
        cookie that points to it.</p>
      <div class="columns">
        <dl class="facts">${facts.map(fact)}</dl>
        <div class="aside">
          ${parallelPanel()}
          <section class="panel" aria-labelledby="json">
            <h2 id="json">As JSON</h2>
            <p class="about">This is <code>JSON.stringify(session)</code> as the page was made. Neither the token nor its key is in it.</p>
            <pre tabindex="0" role="region" aria-labelledby="json"><code>${data}</code></pre>
          </section>
        </div>
      </div>`,
  })
}

/** A name, a value, and a sentence that says why. */
type Fact = readonly [name: string, value: Content, why: Content]

function factsOf(session: ShopSession): Fact[] {
  const { createdAt, authenticatedAt, expiresAt, lastSeenAt, userId } = session
  return [
    ['Public id', html`<code id="session-id">${session.id}</code>`, whyThisId(userId)],
    [
      'State',
      session.isNew ? 'New, not stored' : 'Stored',
      session.isNew
        ? 'You have only looked around so far. Reading writes nothing: there is no record on the server and no cookie in your browser.'
        : 'The server keeps a record under a hash of your cookie. Whoever copies the store can not sign in with it.',
    ],
    [
      'Changed just now',
      session.isChanged ? 'Yes' : 'No',
      'Only changes are written, and before the answer leaves. This page changes nothing, except that it takes a waiting notice.',
    ],
    ['Began', instant(createdAt), 'Stays the same when the id changes: it is still the same visit.'],
    [
      'Last seen',
      instant(lastSeenAt),
      'Renewed when a tenth of the idle time has passed, so that a busy visitor does not cause a write per page.',
    ],
    [
      'Ends if unused',
      instant(expiresAt),
      'The idle deadline: two hours after the last visit. The server enforces it, whatever the cookie says.',
    ],
    [
      'Ends in any case',
      instant((authenticatedAt ?? createdAt) + lifetimes.absolute),
      'The absolute deadline: twelve hours after it began, or after you signed in. A stolen cookie is not good forever.',
    ],
    ['User', userId ?? 'Nobody', 'The owner. With it the library can list and end all sessions of one user.'],
    [
      'Signed in',
      authenticatedAt === undefined ? 'Not yet' : instant(authenticatedAt),
      'Ask for the password again before something delicate when this is long ago.',
    ],
    [
      'Device',
      session.device ?? 'Not recorded',
      'The browser that signed in, as it names itself: for a list of “your devices”.',
    ],
  ]
}

function whyThisId(userId: string | undefined): string {
  return userId === undefined
    ? 'A short handle, safe to log; the token in your cookie is something else and is shown nowhere. It will change when you sign in.'
    : 'It changed when you signed in, and the token with it: one that somebody planted or saw before is worth nothing now.'
}

function fact([name, value, why]: Fact): Html {
  return html`
          <div>
            <dt>${name}</dt>
            <dd class="value">${value}</dd>
            <dd class="about">${why}</dd>
          </div>`
}
