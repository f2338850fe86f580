import { once } from 'node:events'
import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { memcached, mongodb, mysql, type Protocol, postgres, redis } from '../../bench/store-round-trips/protocols.ts'
import { wireTo } from '../../bench/store-round-trips/wire.ts'
import { sharedServer } from '../services/address.ts'

/** What a protocol reads in bytes that come whole, and byte by byte. */
function readBothWays(protocol: Protocol, bytes: Buffer): string[][] {
  return [[bytes], [...bytes].map((byte) => Buffer.from([byte]))].map((chunks) => {
    const commands: string[] = []
    const reader = protocol((command) => commands.push(command))
    for (const chunk of chunks) reader.sent(chunk)
    return commands
  })
}

function expectCommands(protocol: Protocol, bytes: Buffer, commands: string[]): void {
  expect(readBothWays(protocol, bytes)).toEqual([commands, commands])
}

describe('commands on the wire', () => {
  it('redis: each command once, however its bytes arrive, whatever its arguments hold', () => {
    const text =
      '*3\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$1\r\nx\r\n*2\r\n$3\r\nget\r\n$8\r\n*1\r\n$3\r\n\r\n*1\r\n$4\r\nPING\r\n'
    expectCommands(redis, Buffer.from(text), ['GET', 'PING'])
  })

  it('postgres: executions by their verb, and PARSE for what is not prepared', () => {
    const message = (type: string, ...texts: string[]) => {
      const body = Buffer.from(texts.map((each) => `${each}\0`).join(''))
      const size = Buffer.alloc(4)
      size.writeInt32BE(body.length + 4)
      return Buffer.concat([Buffer.from(type), size, body])
    }
    const bytes = Buffer.concat([
      message('', 'startup'),
      message('P', 'read', 'SELECT 1'),
      message('B', '', 'read'),
      message('E', ''),
      message('S'),
      message('B', '', 'read'),
      message('E', ''),
      message('S'),
      message('Q', 'update x set y = 1'),
    ])
    expectCommands(postgres, bytes, ['PARSE', 'SELECT', 'SELECT', 'UPDATE'])
  })

  it('mysql: executions by their verb, PREPARE, and QUERY for what is not prepared', () => {
    const packet = (sequence: number, ...body: number[]) => Buffer.from([body.length, 0, 0, sequence, ...body])
    const text = (command: number, statement: string) => packet(0, command, ...Buffer.from(statement))
    const commands: string[] = []
    const reader = mysql((command) => commands.push(command))
    reader.sent(packet(1, 0x03, 0x00, 0x00))
    reader.sent(text(0x16, 'UPDATE t SET a = ?'))
    reader.answered?.(packet(1, 0x00, 7, 0, 0, 0, 0, 0))
    reader.sent(packet(0, 0x17, 7, 0, 0, 0, 0))
    reader.sent(text(0x03, 'select 1'))
    expect(commands).toEqual(['PREPARE', 'UPDATE', 'QUERY SELECT'])
  })

  it('memcached: data is no command', () => {
    expectCommands(memcached, Buffer.from('gets a\r\ncas a 0 9 9 1\r\nget x\r\n\r\n\r\ndelete a\r\n'), [
      ...['gets', 'cas', 'delete'],
    ])
  })

  it('mongodb: commands of the application, not those of the driver', () => {
    const message = (name: string) => {
      const document = Buffer.concat([Buffer.alloc(4), Buffer.from([0x10]), Buffer.from(`${name}\0\0\0\0\0\0`)])
      document.writeInt32LE(document.length)
      const bytes = Buffer.concat([Buffer.alloc(21), document])
      bytes.writeInt32LE(bytes.length)
      bytes.writeInt32LE(2013, 12)
      return bytes
    }
    expectCommands(mongodb, Buffer.concat(['hello', 'find', 'update'].map(message)), ['find', 'update'])
  })

  it('the proxy counts what the server itself saw', async () => {
    const { port } = await sharedServer('redis')
    const wire = await wireTo(port, redis)
    const watcher = connect(port, '127.0.0.1')
    const client = new Redis({ port: wire.port, enableReadyCheck: false, disableClientInfo: true })
    try {
      let seen = ''
      watcher.on('data', (chunk) => {
        seen += chunk
      })
      watcher.write('MONITOR\r\n')
      await once(watcher, 'data')
      const key = `wire-${process.pid}`
      await client.set(key, 'x'.repeat(100_000))
      await Promise.all([client.get(key), client.incr(`${key}-count`), client.get(key)])
      await client.del(key, `${key}-count`)
      const counted = wire.taken()
      expect(counted).toEqual(['SET', 'GET', 'INCR', 'GET', 'DEL'])
      // Other tests use the server too.
      const ours = () => seen.split('\n').filter((line) => line.includes(`"${key}`))
      await expect.poll(() => ours().length).toBe(counted.length)
    } finally {
      client.disconnect()
      watcher.destroy()
      wire.close()
    }
  })
})
