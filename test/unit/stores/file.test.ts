import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fileStore } from '../../../src/stores/file/index.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { bundleChild } from '../../fixtures/children.ts'

const key = 'xs-0123456789-ABCDEF'
const later = 4_000_000_000_000
const record = { payload: 'first', version: 1, expiresAt: later }
const second = { payload: 'second', version: 2, expiresAt: later }
let parent: string
let directory: string

beforeEach(() => {
  parent = mkdtempSync(join(realpathSync(tmpdir()), 'coatcheck-file-'))
  directory = join(parent, 'sessions')
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(parent, { recursive: true, force: true })
})

/** Runs a command with a disk of 64 inodes as its last argument; needs root, and leaves no mount behind. */
function onSmallDisk(folder: string, ...command: string[]): { stdout: string; status: number | null } {
  const script = `cd "$1" && shift && truncate -s 2M image && mkdir -p disk && mkfs.ext4 -q -F -m 0 -N 64 image &&
    unshare -m sh -c 'mount -o loop image disk && chmod 700 disk && exec "$@"' sh "$@" "$PWD/disk"`
  return spawnSync('sh', ['-c', script, 'sh', folder, ...command], { encoding: 'utf8' })
}
const probe = mkdtempSync(join(tmpdir(), 'coatcheck-disk-'))
const canMount = onSmallDisk(probe, 'ls').status === 0
rmSync(probe, { recursive: true })

const place = (name: string = key): string => join(directory, name.charAt(0), name.charAt(1), name)
const modeOf = (path: string): number => statSync(path).mode & 0o777
const temporary = (): string[] => readdirSync(join(directory, '.tmp'))
const indexed = (): string[] =>
  readdirSync(join(directory, '.users'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)

describe('the files of fileStore', () => {
  it('L22 B16 a record lies two levels deep under the first two characters of its key', async () => {
    await fileStore({ directory }).create(key, record)
    expect(readdirSync(directory, { recursive: true })).toEqual(
      expect.arrayContaining(['x', 'x/s', 'x/s/xs-0123456789-ABCDEF']),
    )
    expect(temporary()).toEqual([])
  })

  it('the deadline is the modification time; touch leaves the file itself as it is', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    const before = { inode: statSync(place()).ino, content: readFileSync(place(), 'utf8') }
    expect(await store.touch(key, later + 123, 1)).toBe(true)
    expect(Math.round(statSync(place()).mtimeMs)).toBe(later + 123)
    expect({ inode: statSync(place()).ino, content: readFileSync(place(), 'utf8') }).toEqual(before)
  })

  it('every deadline in ms from 1970 to 2400 comes back to the ms', async () => {
    const store = fileStore({ directory, clock: () => -1 })
    await store.create(key, record)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 13_569_465_600_000 }), async (expiresAt) => {
        await store.touch(key, expiresAt, 1)
        expect((await store.read(key))?.expiresAt).toBe(expiresAt)
      }),
      { numRuns: 200, examples: [[0], [1], [2 ** 31 * 1000 - 1], [2 ** 31 * 1000], [2 ** 32 * 1000 - 1]] },
    )
  })

  it.each(['000', '777'])('SEC-80 folders are 0700 and files 0600 with umask %s', async (mask) => {
    const before = process.umask(Number.parseInt(mask, 8))
    try {
      await fileStore({ directory }).create(key, { ...record, userId: 'user' })
    } finally {
      process.umask(before)
    }
    for (const folder of ['', 'x', 'x/s', '.tmp', '.users']) expect(modeOf(join(directory, folder))).toBe(0o700)
    expect(modeOf(place())).toBe(0o600)
    for (const entry of readdirSync(join(directory, '.users'), { recursive: true, withFileTypes: true })) {
      expect(modeOf(join(entry.parentPath, entry.name)) & 0o077).toBe(0)
    }
  })

  it('SEC-80 a directory that is a symbolic link, world-writable or a file is refused with what to do', () => {
    const real = join(parent, 'real')
    mkdirSync(real)
    symlinkSync(real, directory)
    expect(() => fileStore({ directory: `${directory}/` })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('symbolic link') }),
    )
    chmodSync(real, 0o1777)
    expect(() => fileStore({ directory: real })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('chmod 700') }),
    )
    writeFileSync(join(parent, 'file'), '')
    expect(() => fileStore({ directory: join(parent, 'file') })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })

  it.each([
    '../../../../etc/passwd',
    '..%2f..%2f..%2f..%2fetc',
    '/etc/passwd-and-more',
    'xs/../../0123456789',
    'xs\x0a3456789-ABCDEF',
    'xs-0123456789-ABCDEF\n',
    '.users/0123456789ab',
    'short',
    '',
    'x'.repeat(129),
  ])('SEC-80 the key %j is refused by every operation and creates nothing', async (bad) => {
    const store = fileStore({ directory })
    const before = readdirSync(parent, { recursive: true })
    await expect(store.read(bad)).rejects.toThrow('16 to 128')
    await expect(store.create(bad, record)).rejects.toThrow('16 to 128')
    await expect(store.replace(bad, record, 1)).rejects.toThrow('16 to 128')
    await expect(store.touch(bad, later, 1)).rejects.toThrow('16 to 128')
    await expect(store.delete(bad)).rejects.toThrow('16 to 128')
    expect(readdirSync(parent, { recursive: true })).toEqual(before)
  })

  it('SEC-80 a symbolic link in the place of a record is not followed, in the place of a folder it is a fault', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    const outside = join(parent, 'outside')
    cpSync(place(), outside, { preserveTimestamps: true })
    rmSync(place())
    symlinkSync(outside, place())
    expect(await store.read(key)).toBeNull()
    expect(await store.touch(key, later, 1)).toBe(false)
    expect(await store.replace(key, second, 1)).toBe(false)
    expect(await store.create(key, second)).toBe(true)
    expect(readFileSync(outside, 'utf8')).toContain('first')
    rmSync(join(directory, 'x'), { recursive: true })
    symlinkSync(parent, join(directory, 'x'))
    await expect(store.create(key, record)).rejects.toThrow('link')
    expect(existsSync(join(parent, 's'))).toBe(false)
  })

  it('SEC-10 the file of a key in another case is neither read, changed nor removed', async () => {
    // What a case-insensitive file system would open.
    const store = fileStore({ directory })
    await store.create(key, record)
    const flipped = 'xs-0123456789-abcdef'
    cpSync(place(), place(flipped), { preserveTimestamps: true })
    expect(await store.read(flipped)).toBeNull()
    expect(await store.touch(flipped, later, 1)).toBe(false)
    expect(await store.replace(flipped, second, 1)).toBe(false)
    expect(await store.create(flipped, record)).toBe(false)
    await store.delete(flipped)
    expect(existsSync(place(flipped))).toBe(true)
  })
})

describe('damage and faults', () => {
  const damages: Record<string, (path: string) => void> = {
    empty: (path) => truncateSync(path, 0),
    'cut in the header': (path) => truncateSync(path, 20),
    'cut in the payload': (path) => truncateSync(path, statSync(path).size - 1),
    garbage: (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0x0a, 0x00])),
    'JSON of something else': (path) => writeFileSync(path, 'null\n'),
    'of an unknown format': (path) =>
      writeFileSync(path, readFileSync(path, 'utf8').replace('"format":1', '"format":2')),
    'no UTF-8': (path) => {
      const content = readFileSync(path)
      content[content.length - 1] = 0xff
      writeFileSync(path, content)
    },
  }

  it.each(Object.keys(damages))('SEC-62 a file that is %s counts as missing, and create heals it', async (kind) => {
    const store = fileStore({ directory })
    await store.create(key, { ...record, userId: 'user' })
    damages[kind]?.(place())
    utimesSync(place(), later / 1000, later / 1000)
    expect(await store.read(key)).toBeNull()
    expect(await store.keysOf('user')).toEqual([])
    expect(await store.list({ limit: 10 })).toEqual({ entries: [], cursor: null })
    if (kind !== 'no UTF-8') {
      expect(await store.touch(key, later, 1)).toBe(false)
      expect(await store.replace(key, second, 1)).toBe(false)
      expect(await store.create(key, second)).toBe(true)
      expect(await store.read(key)).toEqual(second)
    }
    await store.delete(key)
    expect(existsSync(place())).toBe(false)
  })

  it('SEC-62 a damaged file is swept at its deadline', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    truncateSync(place(), 3)
    expect(await store.sweep(Date.now() + 1, { limit: 10 })).toBe(1)
    expect(existsSync(place())).toBe(false)
  })

  it('REL-21 a reader that opened the old file reads the old record to its end', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    const old = readFileSync(place(), 'utf8')
    const descriptor = openSync(place(), 'r')
    await store.replace(key, second, 1)
    const content = Buffer.alloc(1_000)
    expect(content.toString('utf8', 0, readSync(descriptor, content))).toBe(old)
    closeSync(descriptor)
  })

  it('REL-22 a file system that refuses is a fault, the old record stays, and nothing is left behind', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    rmSync(join(directory, '.tmp'), { recursive: true })
    writeFileSync(join(directory, '.tmp'), '')
    await expect(store.replace(key, second, 1)).rejects.toThrow('ENOTDIR')
    await expect(store.delete(key)).rejects.toThrow('ENOTDIR')
    expect(await store.read(key)).toEqual(record)
    rmSync(join(directory, '.tmp'))
    expect(await store.replace(key, second, 1)).toBe(true)

    const other = 'xs-a-folder-in-the-way'
    mkdirSync(place(other))
    await expect(store.create(other, record)).rejects.toThrow('EISDIR')
    expect(await store.read(other)).toBeNull()
    expect(await store.sweep(later + 1, { limit: 10 })).toBe(1)
    expect(temporary()).toEqual([])
  })

  it('REL-22 a disk that takes only a part is a fault, the old record stays, and nothing is left behind', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    const child = await bundleChild(new URL('./children/file-limited.ts', import.meta.url))
    // 8 blocks of 512 or 1024 bytes: a file cannot grow beyond that.
    const shell = ['-c', 'ulimit -f 8; exec "$@"', 'sh', process.execPath, child, directory, key]
    const { stdout } = spawnSync('sh', shell, { encoding: 'utf8' })
    expect(stdout).toBe('EFBIG')
    expect(await store.read(key)).toEqual(record)
    expect(temporary()).toEqual([])
  })

  it.runIf(canMount)('REL-22 on a full disk a save is a fault, and sessions can still be ended and swept', async () => {
    const child = await bundleChild(new URL('./children/file-full-disk.ts', import.meta.url))
    const { stdout } = onSmallDisk(parent, process.execPath, child)
    expect(JSON.parse(stdout)).toEqual({ replaced: 'ENOSPC', versionAfter: 1, deleted: null, swept: 19, left: [] })
  })

  it('a directory that is removed at run time is missing records, and comes back with the next one', async () => {
    const store = fileStore({ directory })
    await store.create(key, { ...record, userId: 'user' })
    rmSync(directory, { recursive: true })
    expect(await store.read(key)).toBeNull()
    expect(await store.touch(key, later, 1)).toBe(false)
    expect(await store.count()).toBe(0)
    expect(await store.sweep(later, { limit: 10 })).toBe(0)
    await store.delete(key)
    expect(await store.create(key, { ...record, userId: 'user' })).toBe(true)
    expect(modeOf(directory)).toBe(0o700)
  })

  it('an aborted call writes nothing', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    const signal = AbortSignal.abort(new Error('too late'))
    await expect(store.replace(key, second, 1, { signal })).rejects.toThrow('too late')
    await expect(store.touch(key, 1, 1, { signal })).rejects.toThrow('too late')
    await expect(store.delete(key, { signal })).rejects.toThrow('too late')
    expect(await store.read(key)).toEqual(record)
  })
})

describe('locks and orphans', () => {
  const dead = 'nonce-of-a-dead1'
  const lockPath = (name: string = key): string => join(directory, '.tmp', `${name}.lock`)

  /** A lock as this process would make it, for another process. */
  async function textFor(pid: number, start?: string): Promise<string> {
    let text = ''
    const clock = (): number => {
      if (temporary().includes(`${key}.lock`)) text = readlinkSync(lockPath())
      return 0
    }
    await fileStore({ directory, clock }).replace(key, record, 1)
    const [, , ownStart, machine] = text.split('.')
    expect(machine).toHaveLength(12)
    expect(text.length).toBeLessThan(60)
    return [dead, pid, start ?? ownStart, machine].join('.')
  }

  const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid
  const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(5_000) })

  it('two stores of one process on one directory lose no update', async () => {
    const stores = [fileStore({ directory }), fileStore({ directory })]
    await stores[0]?.create(key, { ...record, payload: '0' })
    const add = async (store: (typeof stores)[number]): Promise<void> => {
      for (;;) {
        const found = await store.read(key)
        if (found === null) throw new Error('gone')
        const next = { ...found, payload: String(Number(found.payload) + 1), version: found.version + 1 }
        if (await store.replace(key, next, found.version)) return
      }
    }
    await Promise.all(stores.flatMap((store) => Array.from({ length: 20 }, () => add(store))))
    expect((await stores[0]?.read(key))?.payload).toBe('40')
  })

  it('a lock of a process that is dead is taken over at once, with the file it was about to publish', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    symlinkSync(await textFor(deadPid()), lockPath())
    writeFileSync(join(directory, '.tmp', `${dead}.tmp`), 'draft')
    expect(await store.replace(key, second, 1, soon())).toBe(true)
    expect(temporary()).toEqual([])
  })

  it.runIf(process.platform === 'linux')(
    'a lock whose process id belongs to a younger process by now is taken over at once',
    async () => {
      const store = fileStore({ directory })
      await store.create(key, record)
      symlinkSync(await textFor(process.pid, '1'), lockPath())
      expect(await store.replace(key, second, 1, soon())).toBe(true)
    },
  )

  it('a lock left by a process that died while taking another over is taken over, too', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    const text = await textFor(deadPid())
    symlinkSync(text, lockPath())
    symlinkSync(text.replace('1.', '2.'), lockPath(`steal.${dead}`))
    expect(await store.replace(key, second, 1, soon())).toBe(true)
    expect(temporary()).toEqual([])
  })

  it.each(['alive', 'of another machine', 'anonymous'])('a lock that is %s is waited for', async (kind) => {
    const store = fileStore({ directory })
    await store.create(key, record)
    const text = await textFor(kind === 'alive' ? process.pid : deadPid())
    if (kind === 'anonymous') linkSync(place(), lockPath())
    else symlinkSync(kind === 'alive' ? text : `${text}-elsewhere`, lockPath())
    const waiting = store.replace(key, second, 1)
    await expect(store.delete(key, { signal: AbortSignal.timeout(50) })).rejects.toThrow()
    expect(await store.read(key)).toEqual(record)
    rmSync(lockPath())
    expect(await waiting).toBe(true)
    expect(temporary()).toEqual([])
  })

  it('REL-21 orphans of killed processes are swept after a minute, live ones and young ones are not', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    const living = await textFor(process.pid)
    symlinkSync(await textFor(deadPid()), lockPath())
    symlinkSync(living, lockPath('another-living-lock'))
    writeFileSync(join(directory, '.tmp', 'nonce-of-another.tmp'), 'draft')
    expect(await store.sweep(Date.now(), { limit: 10 })).toBe(0)
    expect(temporary()).toHaveLength(3)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    expect(await store.sweep(Date.now(), { limit: 10 })).toBe(0)
    expect(temporary()).toEqual(['another-living-lock.lock'])
  })
})

describe('the index of users', () => {
  it('REL-25 an entry without a record, or of a record with another owner, is skipped and pruned', async () => {
    const store = fileStore({ directory })
    await store.create(key, { ...record, userId: 'one' })
    const folder = join(directory, '.users', readdirSync(join(directory, '.users'))[0] ?? '')
    writeFileSync(join(folder, 'a-record-never-published'), '')
    await store.create('xs-owned-by-somebody', { ...record, userId: 'two' })
    writeFileSync(join(folder, 'xs-owned-by-somebody'), '')
    expect(await store.keysOf('one')).toEqual([key])
    expect(readdirSync(folder)).toEqual([key])
  })

  it('REL-25 the entry is there before the record, and an old one goes after it', async () => {
    const store = fileStore({ directory })
    // A folder in the way of the record: the process cannot come further than the index.
    mkdirSync(place(), { recursive: true })
    await expect(store.create(key, { ...record, userId: 'one' })).rejects.toThrow('EISDIR')
    expect(indexed()).toEqual([key])
    expect(await store.keysOf('one')).toEqual([])
    expect(indexed()).toEqual([])
  })

  it('a replace by the same owner leaves the index alone', async () => {
    const store = fileStore({ directory })
    await store.create(key, { ...record, userId: 'one' })
    rmSync(join(directory, '.users'), { recursive: true })
    expect(await store.replace(key, { ...second, userId: 'one' }, 1)).toBe(true)
    expect(existsSync(join(directory, '.users'))).toBe(false)
  })

  it('nothing of a user stays after the last session, however it ended', async () => {
    const clock = manualClock()
    const store = fileStore({ directory, clock })
    const mine = { ...record, userId: 'one' }
    const keys = [key, 'xs-ends-by-logging-out', 'xs-ends-by-expiring']
    for (const each of keys) await store.create(each, mine)
    expect((await store.keysOf('one')).sort()).toEqual([...keys].sort())
    await store.delete(key)
    await store.replace('xs-ends-by-logging-out', second, 1)
    await store.touch('xs-ends-by-expiring', clock(), 1)
    expect(await store.keysOf('one')).toEqual([])
    expect(await store.sweep(clock(), { limit: 10 })).toBe(1)
    expect(readdirSync(join(directory, '.users'))).toEqual([])
  })

  it('a user id with any characters, of any length, is one entry of hexadecimal digits', async () => {
    const store = fileStore({ directory })
    const userId = `../../${'\u{1f600}/\0"\n'.repeat(2_000)}`
    await store.create(key, { ...record, userId })
    expect(await store.replace(key, { ...second, userId }, 1)).toBe(true)
    expect(await store.read(key)).toEqual({ ...second, userId })
    expect(await store.keysOf(userId)).toEqual([key])
    expect(readdirSync(join(directory, '.users'))).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
  })
})

describe('walks', () => {
  it('a sweep that reached its limit goes on from there, and comes back to what expired before it', async () => {
    const store = fileStore({ directory })
    const keys = ['aa-0123456789abcdef', 'ab-0123456789abcdef', 'ba-0123456789abcdef', 'bb-0123456789abcdef']
    for (const each of keys) await store.create(each, record)
    for (const each of keys.slice(0, 3)) await store.touch(each, 1, 1)
    expect(await store.sweep(10, { limit: 2 })).toBe(2)
    await store.create('aa-0123456789abcdef', { ...record, expiresAt: 1 })
    expect(await store.sweep(10, { limit: 10 })).toBe(2)
    expect(await store.count()).toBe(1)
  })

  it('files that are no records are neither listed, counted nor swept', async () => {
    const store = fileStore({ directory })
    await store.create(key, record)
    writeFileSync(join(directory, 'x/s/.DS_Store'), '')
    writeFileSync(join(directory, 'README.md'), '')
    mkdirSync(join(directory, 'x/other'))
    expect(await store.count()).toBe(1)
    expect((await store.list({ limit: 10 })).entries).toEqual([{ key, record }])
    expect(await store.sweep(later, { limit: 10 })).toBe(1)
    expect(readdirSync(join(directory, 'x/s'))).toEqual(['.DS_Store'])
  })

  it('a listing ends on a file system that keeps keys of either case in one folder', async () => {
    const store = fileStore({ directory })
    await store.create('xs-0123456789-lower', record)
    await store.create('Ya-0123456789-upper', record)
    const stranger = 'Xs-0123456789-upper'
    await store.create(stranger, record)
    cpSync(place(stranger), join(directory, 'x/s', stranger), { preserveTimestamps: true })
    rmSync(join(directory, 'X'), { recursive: true })
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const page = await store.list({ cursor, limit: 1 })
      seen.push(...page.entries.map((entry) => entry.key))
      cursor = page.cursor
    } while (cursor !== null && seen.length < 10)
    expect(seen).toEqual(['Ya-0123456789-upper', 'xs-0123456789-lower'])
  })
})
