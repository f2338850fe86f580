import { describe, expect, it } from 'vitest'
import { casUserIndex, type Entries, type OwnerItems } from '../../../../src/stores/_cas/user-index.ts'
import { manualClock } from '../../../../src/testing/index.ts'

const minute = 60_000

/** An index over a map, the owners of live records, and word of what is read and written. */
function stage({ fullAt = 4, loseFirst = 0 } = {}) {
  const clock = manualClock()
  const held = new Map<string, Entries>()
  const owners = new Map<string, string>()
  const commands: string[] = []
  let toLose = loseFirst
  const items: OwnerItems<Entries | undefined> = {
    async read(userId) {
      commands.push('read')
      await undefined
      const found = held.get(userId)
      return { held: found, ...(found ?? { entries: [], fullAt }) }
    },
    async write(userId, before, content) {
      commands.push('write')
      await undefined
      if (toLose-- > 0 || held.get(userId) !== before) return false
      held.set(userId, content)
      return true
    },
  }
  const index = casUserIndex({
    items,
    clock,
    ownerOf: async (key) => {
      commands.push('look')
      return owners.get(key)
    },
    patience: { attempts: 5, pauseMs: () => 0, message: 'others were faster.' },
    spareMs: (left) => Math.max(left, 0),
    graceMs: 5 * minute,
    leastFullAt: fullAt,
    readsAtOnce: 2,
  })
  const keysIn = (userId: string) => (held.get(userId)?.entries ?? []).map(({ key }) => key)
  return { clock, owners, commands, index, keysIn }
}

describe('casUserIndex', () => {
  it('answers until when a note stays, which is as long again, and never earlier than it was', async () => {
    const { clock, index } = stage()
    expect(await index.note('ann', 'a', clock() + minute)).toBe(clock() + 2 * minute)
    expect(await index.note('ann', 'a', clock() + 1)).toBe(clock() + 2 * minute)
  })

  it('finds the keys of live records alone, keeps the young ones and forgets the others', async () => {
    const { clock, owners, index, keysIn } = stage()
    for (const key of ['live', 'gone', 'of bob']) await index.note('ann', key, clock() + 60 * minute)
    owners.set('live', 'ann').set('of bob', 'bob')
    expect(await index.keysOf('ann')).toEqual(['live'])
    expect(keysIn('ann')).toEqual(['live', 'gone', 'of bob'])
    clock.advance(5 * minute)
    expect(await index.keysOf('ann')).toEqual(['live'])
    expect(keysIn('ann')).toEqual(['live'])
    clock.advance(120 * minute)
    expect(await index.keysOf('ann')).toEqual([])
    expect(keysIn('ann')).toEqual([])
  })

  it('looks at the records of an owner when there are too many entries, and then not soon again', async () => {
    const { clock, owners, commands, index, keysIn } = stage()
    for (let at = 0; at < 4; at++) {
      owners.set(`${at}`, 'ann')
      await index.note('ann', `${at}`, clock() + 60 * minute)
    }
    owners.delete('0')
    clock.advance(5 * minute)
    commands.length = 0
    await index.note('ann', '4', clock() + 60 * minute)
    expect(commands).toEqual(['read', 'look', 'look', 'look', 'look', 'write'])
    expect(keysIn('ann')).toEqual(['1', '2', '3', '4'])
    commands.length = 0
    await index.note('ann', '5', clock() + 60 * minute)
    expect(commands).toEqual(['read', 'write'])
  })

  it('notes what comes meanwhile in one more write', async () => {
    const { clock, commands, index, keysIn } = stage({ fullAt: 100 })
    const note = (at: number) => index.note('ann', `${at}`, clock() + minute)
    const first = note(0)
    await undefined
    await undefined
    await Promise.all([first, ...Array.from({ length: 50 }, (_, at) => note(at + 1))])
    expect(commands).toEqual(['read', 'write', 'read', 'write'])
    expect(keysIn('ann')).toHaveLength(51)
  })

  it('notes for the others although one of them is aborted, and for nobody when all are', async () => {
    const { clock, index, keysIn } = stage()
    const signal = AbortSignal.abort(new Error('nobody waits'))
    const aborted = expect(index.note('ann', 'a', clock() + minute, signal)).rejects.toThrow('nobody waits')
    await index.note('ann', 'b', clock() + minute)
    await aborted
    expect(keysIn('ann')).toEqual(['a', 'b'])
    await expect(index.note('bob', 'a', clock() + minute, signal)).rejects.toThrow('nobody waits')
    expect(keysIn('bob')).toEqual([])
    await expect(index.keysOf('ann', signal)).rejects.toThrow('nobody waits')
  })

  it('tries again when it loses, and gives up in the end', async () => {
    const losing = stage({ loseFirst: 4 })
    await losing.index.note('ann', 'a', losing.clock() + minute)
    expect(losing.keysIn('ann')).toEqual(['a'])
    const lost = stage({ loseFirst: 5 })
    await expect(lost.index.note('ann', 'a', lost.clock() + minute)).rejects.toThrow('others were faster.')
    await lost.index.note('ann', 'a', lost.clock() + minute)
    expect(lost.keysIn('ann')).toEqual(['a'])
  })
})
