import { describe, expect, it } from 'vitest'
import { checkHistory } from './check.ts'
import { type AnomalyKind, describeAnomaly, type Operation } from './history.ts'
import { act, born, historyOf, killed, kindsIn, view } from './script.ts'

/** Hand-made histories, each with the anomalies in it. */
type Cases = Record<string, readonly [operations: Operation[], anomalies: AnomalyKind[]]>

function each(cases: Cases): void {
  for (const [title, [operations, anomalies]] of Object.entries(cases)) {
    it(title, () => expect(kindsIn(historyOf(...operations))).toEqual(anomalies))
  }
}

const ended = act('end', 'destroy', 100)
const moved = act('move', 'regenerate', 100, { left: view({ log: ['move'] }), issued: 't2' })
const left = act('left', 'leave', 100, { left: view() })
const wrote = act('wrote', 'set', 100, { name: 'a', left: view({ registers: { a: 'wrote' } }) })
const added = act('added', 'increment', 100, { left: view({ count: 1 }) })
const pushed = act('pushed', 'push', 100, { left: view({ log: ['pushed'] }) })

describe('a count', () => {
  each({
    'may lack or have what overlaps with the look': [
      [added, act('one', 'read', 103), act('two', 'read', 103, { saw: view({ count: 1 }) })],
      [],
    ],
    'has what was acknowledged': [[added, act('later', 'read', 200)], ['stale-read']],
    'has it for good': [[added, act('last', 'audit', 200)], ['lost-update']],
    'may have or lack what is unknown': [
      [killed('k', 'increment', 100), act('one', 'read', 200), act('two', 'read', 300, { saw: view({ count: 1 }) })],
      [],
    ],
    'does not lose again what it has': [
      [killed('k', 'increment', 100), act('one', 'read', 200, { saw: view({ count: 1 }) }), act('two', 'read', 300)],
      ['backwards'],
    ],
    'has nothing that nobody asked for yet': [
      [act('early', 'read', 50, { saw: view({ count: 1 }) }), killed('k', 'increment', 100)],
      ['phantom'],
    ],
    'does not have a step twice': [
      [killed('k', 'increment', 100), act('late', 'read', 200, { saw: view({ count: 2 }) })],
      ['phantom'],
    ],
    'does not have what was refused': [
      [act('no', 'increment', 100, { result: 'refused' }), act('late', 'read', 200, { saw: view({ count: 1 }) })],
      ['phantom'],
    ],
    'is another after each step': [
      [added, act('twin', 'increment', 103, { left: view({ count: 1 }) })],
      ['lost-update'],
    ],
  })
})

describe('a log', () => {
  const both = ['pushed', 'other']
  const other = act('other', 'push', 200, { saw: view({ log: ['pushed'] }), left: view({ log: both }) })
  each({
    'has what was acknowledged, in the order of real time': [[pushed, other], []],
    'has what is unknown, wherever it came': [
      [killed('k', 'push', 90), pushed, act('late', 'read', 200, { saw: view({ log: ['pushed', 'k'] }) })],
      [],
    ],
    'is not seen without what was acknowledged': [[pushed, act('late', 'read', 200)], ['stale-read']],
    'does not lose it': [
      [pushed, other, act('last', 'audit', 300, { saw: view({ log: ['pushed'] }) })],
      ['lost-update'],
    ],
    'has it after the push itself': [[act('void', 'push', 100, { left: view() })], ['lost-update']],
    'does not lose it to another of the same time': [
      [pushed, act('other', 'push', 103, { left: view({ log: ['other'] }) })],
      ['lost-update'],
    ],
    'does not come in the reverse order': [
      [pushed, killed('other', 'push', 200), act('late', 'read', 300, { saw: view({ log: ['other', 'pushed'] }) })],
      ['lost-update'],
    ],
    'has nothing twice': [
      [pushed, act('late', 'read', 200, { saw: view({ log: ['pushed', 'pushed'] }) })],
      ['phantom'],
    ],
    'has nothing that nobody pushed': [[act('late', 'read', 200, { saw: view({ log: ['what'] }) })], ['phantom']],
    'has nothing before it was pushed': [
      [act('early', 'read', 50, { saw: view({ log: ['k'] }) }), killed('k', 'push', 100)],
      ['phantom'],
    ],
    'has nothing that was refused': [
      [act('no', 'push', 100, { result: 'refused' }), act('late', 'read', 200, { saw: view({ log: ['no'] }) })],
      ['refused-effect'],
    ],
    'does not shrink': [
      [killed('k', 'push', 100), act('one', 'read', 200, { saw: view({ log: ['k'] }) }), act('two', 'read', 300)],
      ['backwards'],
    ],
    'is seen together with the count of its time': [
      [
        killed('k', 'push', 100),
        killed('l', 'increment', 100),
        act('one', 'read', 200, { saw: view({ log: ['k'] }) }),
        act('two', 'read', 203, { saw: view({ count: 1 }) }),
      ],
      ['torn-read'],
    ],
  })
})

describe('a register', () => {
  const holds = (a: string) => ({ saw: view({ registers: { a } }) })
  const over = act('over', 'set', 200, { name: 'a', ...holds('wrote'), left: view({ registers: { a: 'over' } }) })
  each({
    'has what was written last': [[wrote, over, act('late', 'read', 300, holds('over'))], []],
    'has one of those that were written at the same time': [
      [wrote, { ...over, start: 103, opened: 108 }, act('late', 'read', 300, holds('wrote'))],
      [],
    ],
    'may get what is unknown at any time': [
      [killed('k', 'set', 90, { name: 'a' }), wrote, over, act('late', 'read', 300, holds('k'))],
      [],
    ],
    'is not seen as it was before': [[wrote, over, act('late', 'read', 300, holds('wrote'))], ['stale-read']],
    'does not become what it was before': [[wrote, over, act('last', 'audit', 300, holds('wrote'))], ['lost-update']],
    'is not empty any more': [[wrote, act('late', 'read', 200)], ['stale-read']],
    'is not seen to go back and forth': [
      [
        wrote,
        killed('k', 'set', 200, { name: 'a' }),
        act('one', 'read', 300, holds('k')),
        act('two', 'read', 400, holds('wrote')),
        act('three', 'read', 500, holds('k')),
      ],
      ['stale-read'],
    ],
    'has nothing before it was written': [[act('early', 'read', 50, holds('wrote')), wrote], ['phantom']],
    'has nothing that was refused': [
      [act('no', 'set', 100, { name: 'a', result: 'refused' }), act('late', 'read', 200, holds('no'))],
      ['refused-effect'],
    ],
  })
})

describe('a session', () => {
  const signedIn = act('in', 'login', 100, { left: view({ log: ['in'], signedIn: true }), issued: 't2' })
  const nothing = { saw: null }
  const { saw: _, ...blind } = act('blind', 'increment', 200)
  each({
    'is found until it is ended, and may be while it is': [
      [ended, act('one', 'read', 103), act('two', 'read', 50)],
      [],
    ],
    'is not found any more once it was ended': [[ended, act('late', 'read', 200)], ['resurrection']],
    'is not found by its later tokens either': [
      [
        moved,
        { ...ended, start: 98, opened: 99, end: 120 },
        act('late', 'read', 200, { token: 't2', saw: view({ log: ['move'] }) }),
      ],
      ['resurrection'],
    ],
    'has no record either': [[ended, act('last', 'audit', 200)], ['resurrection']],
    'is not written to any more': [
      [ended, { ...blind, start: 200, opened: 205, end: 210, left: view({ count: 1 }) }],
      ['resurrection'],
    ],
    'may be gone, or not, when nobody knows how its end went': [
      [killed('k', 'destroy', 100), act('one', 'read', 200), act('two', 'read', 300, nothing)],
      [],
    ],
    'stays gone then': [
      [killed('k', 'destroy', 100), act('one', 'read', 200, nothing), act('two', 'read', 300)],
      ['resurrection'],
    ],
    'stays gone for those who learn it at the commit': [
      [
        killed('k', 'destroy', 100),
        act('one', 'increment', 200, { result: 'refused', gone: true }),
        act('two', 'read', 300),
      ],
      ['resurrection'],
    ],
    'is not gone without a reason': [[act('one', 'read', 50, nothing), killed('k', 'destroy', 100)], ['lost-session']],
    'has a record until it is ended': [
      [killed('k', 'regenerate', 100), act('last', 'audit', 200, nothing)],
      ['lost-session'],
    ],
    'is signed in from then on': [
      [signedIn, act('late', 'read', 200, { token: 't2', saw: view({ log: ['in'] }) })],
      ['stale-read'],
    ],
    'is signed in by nobody else': [[act('late', 'read', 200, { saw: view({ signedIn: true }) })], ['phantom']],
    'is that of its token': [
      [
        { ...born, id: 'else', issued: 't9', left: view({ tag: 'else' }) },
        act('late', 'read', 200, { saw: view({ tag: 'else' }) }),
      ],
      ['foreign-data'],
    ],
    'has nothing of another': [
      [
        { ...born, id: 'else', issued: 't9', left: view({ tag: 'else' }) },
        act('there', 'push', 100, {
          token: 't9',
          saw: view({ tag: 'else' }),
          left: view({ tag: 'else', log: ['there'] }),
        }),
        act('late', 'read', 200, { saw: view({ log: ['there'] }) }),
      ],
      ['foreign-data'],
    ],
  })
})

describe('a new token', () => {
  const at2 = { token: 't2', saw: view({ log: ['move'] }) }
  each({
    'leads to all that was written by the old one': [
      [
        act('add', 'increment', 50, { left: view({ count: 1 }) }),
        { ...moved, saw: view({ count: 1 }), left: view({ count: 1, log: ['move'] }) },
        act('late', 'read', 200, { token: 't2', saw: view({ count: 1, log: ['move'] }) }),
        act('old', 'read', 200, { saw: null }),
      ],
      [],
    ],
    'does not lose what was written at the same time': [
      [moved, { ...added, start: 98 }, act('last', 'audit', 200, at2)],
      ['lost-update', 'torn-read'],
    ],
    'ends the old one': [[moved, act('late', 'read', 200, { saw: view({ log: ['move'] }) })], ['old-token']],
    'ends it for those who write': [
      [moved, act('late', 'push', 200, { saw: view({ log: ['move'] }), left: view({ log: ['move', 'late'] }) })],
      ['old-token'],
    ],
    'may be given while others still use the old one': [[moved, act('same', 'read', 103)], []],
    'is the only one': [
      [moved, act('twin', 'regenerate', 103, { left: view({ log: ['move', 'twin'] }), issued: 't3' })],
      ['fork'],
    ],
    'may be lost with the answer': [
      [
        killed('k', 'regenerate', 100),
        act('late', 'read', 200, { saw: null }),
        act('last', 'audit', 300, { saw: view({ log: ['k'] }) }),
      ],
      [],
    ],
  })

  const copies = (...[operations, count]: [Operation[], number]) => ({
    ...historyOf(...operations),
    copies: { born: count },
  })
  it('leaves one record, and one more for each move that nobody knows the end of', () => {
    expect(kindsIn(copies([moved], 1))).toEqual([])
    expect(kindsIn(copies([moved], 2))).toEqual(['copies'])
    expect(kindsIn(copies([killed('k', 'regenerate', 100)], 2))).toEqual([])
    expect(kindsIn(copies([ended], 1))).toEqual(['copies'])
  })
})

describe('a message', () => {
  const shown = (there: boolean) => ({ saw: view({ messages: { left: there } }) })
  const taken = act('taken', 'take', 200, { name: 'left', got: 'left' })
  const nothing = { name: 'left', got: null }
  each({
    'is there until it is taken, by one': [
      [
        left,
        act('before', 'read', 150, shown(true)),
        taken,
        act('other', 'take', 203, nothing),
        act('after', 'read', 300, shown(false)),
      ],
      [],
    ],
    'is not given to two': [[left, taken, act('other', 'take', 203, { name: 'left', got: 'left' })], ['message-twice']],
    'may be given to one who was killed': [
      [left, killed('k', 'take', 150, { name: 'left' }), act('late', 'take', 200, nothing)],
      [],
    ],
    'is given to one who asks': [[left, act('late', 'take', 200, nothing)], ['message-lost']],
    'is not given to one whom a move overtakes': [
      [
        left,
        act('late', 'take', 200, nothing),
        act('move', 'regenerate', 201, { left: view({ log: ['move'] }), issued: 't2' }),
      ],
      [],
    ],
    'does not vanish': [[left, act('last', 'audit', 200, shown(false))], ['message-lost']],
    'may vanish if nobody knows whether it was left': [
      [killed('left', 'leave', 100), act('last', 'audit', 200, shown(false))],
      [],
    ],
    'does not come back': [[left, taken, act('late', 'read', 300, shown(true))], ['message-back']],
    'is not there if it was refused': [
      [{ ...left, result: 'refused' }, act('late', 'read', 300, shown(true))],
      ['refused-effect'],
    ],
    'is not given if it was refused': [[{ ...left, result: 'refused' }, taken], ['refused-effect']],
    'is not given before it was left': [[act('early', 'take', 50, { name: 'left', got: 'left' }), left], ['phantom']],
  })
})

it('an anomaly is told with its evidence', () => {
  const history = historyOf(added, act('late', 'read', 200))
  const [anomaly] = checkHistory(history)
  if (anomaly === undefined) throw new Error('nothing was found')
  const text = describeAnomaly(anomaly, history)
  expect(text).toContain('stale-read (t1): count is 0, 1 were acknowledged before')
  expect(text).toContain('late client 0 read by t1 at 200.000 / 205.000 / 210.000: done, saw {"tag":"born","count":0')
})
