import { expect } from 'vitest'
import type { Session, Sessions } from '../../../src/index.ts'
import { calmly } from './behind-proxy.ts'

/** Someone whose session counts visits, and who knows what was acknowledged. */
export class Visitor {
  readonly #sessions: Sessions
  token: string | null = null
  /** Additions that were acknowledged since the session began. */
  acknowledged = 0
  /** Additions of which nobody knows whether they happened. */
  unknown = 0
  /** How often the session was gone. */
  lost = 0

  constructor(sessions: Sessions) {
    this.#sessions = sessions
  }

  /** One request. Throws what the engine throws, and on a number that can not be. */
  async add(also: (session: Session) => void = () => undefined): Promise<void> {
    const session = await this.#sessions.open(this.token)
    if (this.token !== null && session.isNew) this.#begin()
    session.increment('count')
    also(session)
    this.unknown += 1
    const { outcome, token } = await this.#sessions.commit(session)
    this.unknown -= 1
    if (outcome === 'gone') return this.#begin()
    if (token !== null) {
      // What was tried before under no token went to sessions that nobody will ever see.
      if (outcome === 'created') this.unknown = 0
      this.token = token
    }
    this.acknowledged += 1
    this.#check(session.get('count'))
  }

  /** Looks without adding. */
  async verify(): Promise<void> {
    const session = await this.#sessions.open(this.token)
    if (session.isNew) this.#begin()
    else this.#check(session.get('count'))
  }

  #check(count: unknown): void {
    const facts = `${this.acknowledged} acknowledged, ${this.unknown} unknown`
    expect(count, facts).toBeGreaterThanOrEqual(this.acknowledged)
    expect(count, facts).toBeLessThanOrEqual(this.acknowledged + this.unknown)
  }

  #begin(): void {
    if (this.token !== null) this.lost += 1
    this.token = null
    this.acknowledged = this.unknown = 0
  }
}

/** Visitors that have a session each. */
export async function visitors(sessions: Sessions, count: number): Promise<Visitor[]> {
  const all = Array.from({ length: count }, () => new Visitor(sessions))
  // Few at a time: the pool may be small, and the machine busy.
  for (let first = 0; first < count; first += 20) {
    await Promise.all(all.slice(first, first + 20).map((visitor) => calmly(() => visitor.add())))
  }
  return all
}
