import type { StoredRecord } from '../contract/store.ts'
import { check, same } from './expect.ts'
import { holds, inMs, newKey, put, recordFor, type StageCase } from './store-stage.ts'

const callers = 20
const rounds = 10

/** Calls that overlap: every operation is atomic. */
export const raceCases: ReadonlyArray<StageCase> = [
  {
    title: 'races: of many creates of one key exactly one succeeds, and its record is the one that is there',
    async play(stage) {
      for (let round = 0; round < rounds; round++) {
        const key = newKey()
        const records = contenders(recordFor(stage))
        const outcomes = await Promise.all(records.map((record) => stage.store.create(key, record)))
        await holds(stage, key, soleWinner(records, outcomes, 'creates'), 'the record')
      }
    },
  },
  {
    title: 'races: of many creates over one expired record exactly one succeeds',
    async play(stage) {
      const expiresAt = inMs(stage, stage.real ? 250 : 60_000)
      const keys = Array.from({ length: rounds }, () => newKey())
      for (const key of keys) await stage.store.create(key, recordFor(stage, { expiresAt }))
      await stage.until(expiresAt + stage.step)
      for (const key of keys) {
        const records = contenders(recordFor(stage))
        const outcomes = await Promise.all(records.map((record) => stage.store.create(key, record)))
        await holds(stage, key, soleWinner(records, outcomes, 'creates over an expired record'), 'the record')
      }
    },
  },
  {
    title: 'races: of many replaces of one version exactly one succeeds, and its record is the one that is there',
    async play(stage) {
      for (let round = 0; round < rounds; round++) {
        const key = newKey()
        await put(stage, key)
        const records = contenders(recordFor(stage, { version: 2 }))
        const outcomes = await Promise.all(records.map((record) => stage.store.replace(key, record, 1)))
        await holds(stage, key, soleWinner(records, outcomes, 'replaces'), 'the record')
      }
    },
  },
  {
    title: 'races: 200 increments by read and replace, tried again when another was faster, are all counted',
    async play(stage) {
      const { store } = stage
      const key = newKey()
      await put(stage, key, { payload: '0' })
      const workers = 10
      const increments = 200
      const attempts = increments * workers * 10
      let attempt = 0
      await Promise.all(
        Array.from({ length: workers }, async () => {
          for (let done = 0; done < increments / workers; attempt++) {
            check(attempt < attempts, `${attempts} attempts were not enough for ${increments} increments`)
            const found = await store.read(key)
            check(found !== null, 'the record is gone')
            const { version } = found
            const next = recordFor(stage, { payload: String(Number(found.payload) + 1), version: version + 1 })
            if (await store.replace(key, next, version)) done++
          }
        }),
      )
      await holds(stage, key, recordFor(stage, { payload: '200', version: 201 }), 'the record after 200 increments')
    },
  },
  {
    title: 'SEC-40 REL-11 races: a record that is deleted while it is replaced is gone',
    async play(stage) {
      for (let round = 0; round < 2 * rounds; round++) {
        const key = newKey()
        await put(stage, key)
        const replace = () => stage.store.replace(key, recordFor(stage, { payload: 'revived', version: 2 }), 1)
        const remove = () => stage.store.delete(key)
        await Promise.all((round % 2 === 0 ? [replace, remove] : [remove, replace]).map((call) => call()))
        await holds(stage, key, null, 'the record that was deleted')
      }
    },
  },
  {
    title: 'REL-14 races: a record that is deleted while it is touched is gone',
    async play(stage) {
      for (let round = 0; round < 2 * rounds; round++) {
        const key = newKey()
        await put(stage, key)
        const touch = () => stage.store.touch(key, inMs(stage, 7_200_000), 1)
        const remove = () => stage.store.delete(key)
        await Promise.all((round % 2 === 0 ? [touch, remove] : [remove, touch]).map((call) => call()))
        await holds(stage, key, null, 'the record that was deleted')
      }
    },
  },
  {
    title: 'races: a touch that overlaps a replace of its version neither prevents, undoes nor prolongs the new record',
    async play(stage) {
      for (let round = 0; round < 2 * rounds; round++) {
        const key = newKey()
        await put(stage, key, { payload: 'old' })
        const next = recordFor(stage, { payload: 'new', version: 2 })
        const replace = async () => same(await stage.store.replace(key, next, 1), true, 'replace of a live record')
        const touch = () => stage.store.touch(key, inMs(stage, 7_200_000), 1)
        await Promise.all((round % 2 === 0 ? [replace, touch] : [touch, replace]).map((call) => call()))
        await holds(stage, key, next, 'the record after both')
      }
    },
  },
]

function contenders(record: StoredRecord): StoredRecord[] {
  return Array.from({ length: callers }, (_, index) => ({ ...record, payload: `by ${index}`, userId: `user-${index}` }))
}

function soleWinner(records: StoredRecord[], outcomes: boolean[], what: string): StoredRecord {
  const winners = records.filter((_, index) => outcomes[index] === true)
  const [winner] = winners
  check(winner !== undefined && winners.length === 1, `${winners.length} of ${records.length} ${what} succeeded`)
  return winner
}
