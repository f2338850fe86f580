import { describe, expect, it } from 'vitest'
import { createSessions, type SessionsOptions } from '../../src/index.ts'
import { sealedCookie } from '../../src/stores/sealed-cookie/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { headerValues, rawSite } from '../fixtures/raw-server.ts'

type Data = { name?: string }

const secret = 'k7Uv0-kTz9_Qm2xWc7Lr5Hy8Jn3Bd6Fs1PgE'
const otherSecret = 'o7Uv0-kTz9_Qm2xWc7Lr5Hy8Jn3Bd6Fs1PgE'

function sealed(options: SessionsOptions<Data> = {}) {
  return createSessions<Data>({ store: sealedCookie(), secret, ...options })
}

async function tokenOf(options: SessionsOptions<Data> = {}): Promise<string> {
  const sessions = sealed(options)
  const session = await sessions.open(null)
  session.set('name', 'Ada')
  return (await sessions.commit(session)).token ?? ''
}

describe('the sealed cookie', () => {
  it('SEC-67 has no second reading: what is plain, signed only or of another library is nothing', async () => {
    const plain = JSON.stringify({ name: 'Ada', d: { name: 'Ada' }, v: 1, c: Date.now() })
    const base64 = Buffer.from(plain).toString('base64url')
    const header = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
    const foreign = [
      plain,
      encodeURIComponent(plain),
      base64,
      `${header}.${base64}.`,
      `s%3A${base64}.signature`,
      `s:${base64}`,
      `Fe26.2**${base64}*${base64}*${base64}**${base64}*${base64}`,
      `BAh7${base64}--0123456789abcdef`,
    ]
    const sessions = sealed()
    for (const value of foreign) {
      const session = await sessions.open(
        new Request('https://a.example/', { headers: { cookie: `__Host-sid=${value}` } }),
      )
      expect([session.isNew, session.get('name')], value).toEqual([true, undefined])
    }
  })

  it('SEC-67 a token that a keyed store issued is nothing to it, nor its own to a keyed store', async () => {
    const keyed = createSessions<Data>({ secret })
    const session = await keyed.open(null)
    session.set('name', 'Ada')
    const { token } = await keyed.commit(session)
    expect((await sealed().open(token)).get('name')).toBeUndefined()
    expect((await keyed.open(await tokenOf())).get('name')).toBeUndefined()
  })

  it.each([
    ['', 'empty'],
    [['a'], 'one of one character, in a list'],
    ['short-but-random-8f3', 'short'],
    [' '.repeat(32), 'blanks'],
    ['keyboard cat keyboard cat keyboard cat', 'a placeholder'],
    ['secret'.repeat(8), 'few characters, repeated'],
    [[secret, 'x'], 'a good one and a bad one'],
    [[secret, secret], 'the same twice'],
    [[], 'an empty list'],
    [42, 'no text'],
  ])('SEC-68 refuses a secret that is no key: %j (%s)', (bad, _) => {
    const make = () => sealed({ secret: bad as string })
    expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    if (typeof bad === 'string' && bad.trim() !== '') expect(make).not.toThrow(bad)
  })

  it('SEC-71 a client cannot tell why its cookie was not accepted', async () => {
    const clock = manualClock()
    const sessions = sealed({ clock, idleTimeout: '30m' })
    const expired = await tokenOf({ clock })
    clock.advance(31 * 60_000)
    const good = await tokenOf({ clock })
    const cookies = {
      'bad tag': `${good.slice(0, -1)}${good.endsWith('A') ? 'Q' : 'A'}`,
      'bad key': await tokenOf({ clock, secret: otherSecret }),
      'another name': await tokenOf({ clock, cookie: { name: '__Host-other' } }),
      'another version': `Ag${good.slice(2)}`,
      expired,
      malformed: 'x',
    }
    const site = await rawSite(sessions, (session) => ({ name: session.get('name') ?? null }))
    try {
      const answers = new Set<string>()
      for (const token of Object.values(cookies)) {
        const answer = await site.send([`cookie: __Host-sid=${token}`])
        expect(headerValues(answer, 'set-cookie')).toEqual([])
        const { status, headers, body } = answer
        answers.add(JSON.stringify({ status, body, headers: headers.filter(([name]) => name !== 'date') }))
      }
      expect([...answers]).toHaveLength(1)
      expect((await site.send([`cookie: __Host-sid=${good}`])).body).toContain('Ada')
    } finally {
      await site.close()
    }
  })
})
