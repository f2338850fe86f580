import { toBase64Url } from '../crypto/base64url.ts'
import { type Engine, freshEnvelope } from './engine.ts'
import { deadline, lastSeen } from './expiry.ts'
import { exclusively, saveState } from './request/commit.ts'
import type { State } from './request/state.ts'
import type { SessionHost } from './session.ts'
import { idOf } from './token.ts'

const stampBytes = 9

/** What sessions ask the engine for. */
export function createHost(engine: Engine): SessionHost & { draw(state: State): Promise<void> } {
  const { settings, tokens } = engine
  return {
    get inToken() {
      return engine.keeping.inToken
    },
    now: () => settings.clock(),
    idOf(state) {
      if (state.key === null) {
        const token = state.token ?? tokens.mint()
        const key = tokens.keyOf(token, 0)
        // Where hashing takes time, `draw` has done this when the session was opened.
        if (typeof key !== 'string') return ''
        state.token = token
        state.key = key
      }
      return idOf(state.key)
    },
    async draw(state) {
      const token = tokens.mint()
      state.key = await tokens.keyOf(token, 0)
      state.token = token
    },
    deadline: (envelope) => deadline(envelope, settings.clock(), settings.timeouts),
    lastSeen({ record, envelope }) {
      const now = settings.clock()
      return record === null ? now : lastSeen(envelope, record, now, settings.timeouts)
    },
    stamp: () => toBase64Url(settings.random(stampBytes)),
    fresh: () => freshEnvelope(settings.clock()),
    copyOf: (envelope) => settings.codec.decode(settings.codec.encode(envelope))?.data ?? {},
    save: (state) => saveState(engine, state),
    takeFlash: async (state, key) => exclusively(state, () => engine.keeping.takeFlash(state, key)),
  }
}
