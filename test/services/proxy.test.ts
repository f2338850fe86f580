import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { proxyTo, type TcpProxy } from './proxy.ts'

let server: Server
let proxy: TcpProxy
/** What the server has read, connection after connection. */
let heard: string
const sockets = new Set<Socket>()

beforeEach(async () => {
  heard = ''
  // Answers each piece with itself in capitals.
  server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      heard += chunk
      socket.write(String(chunk).toUpperCase())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxy = await proxyTo(address.port)
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await proxy.close()
  server.close()
})

/** A client, and all that happened to it so far. */
async function dial() {
  const socket = connect(proxy.port, '127.0.0.1')
  sockets.add(socket)
  const seen = { text: '', ended: false, closed: false }
  socket.on('data', (chunk) => {
    seen.text += chunk
  })
  socket.on('end', () => {
    seen.ended = true
  })
  socket.on('close', () => {
    seen.closed = true
  })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return {
    socket,
    seen,
    async ask(text: string) {
      socket.write(text)
      await expect.poll(() => seen.text).toMatch(new RegExp(`${text.toUpperCase()}$`))
    },
  }
}

describe('proxyTo', () => {
  it('passes on what both sides say, counts connections and passes on their end', async () => {
    const client = await dial()
    await client.ask('hello')
    await client.ask('again')
    expect([heard, proxy.connections, proxy.accepted]).toEqual(['helloagain', 1, 1])
    client.socket.destroy()
    await expect.poll(() => proxy.connections).toBe(0)
    const second = await dial()
    await second.ask('hello')
    for (const socket of sockets) if (socket !== second.socket) socket.end()
    await expect.poll(() => second.seen.closed).toBe(true)
    expect([proxy.connections, proxy.accepted]).toEqual([0, 2])
  })

  it('delay: answers come late and in order, even when the delay ends in between', async () => {
    const client = await dial()
    proxy.delay(50)
    const start = performance.now()
    client.socket.write('a')
    await expect.poll(() => heard).toBe('a')
    await setTimeout(10)
    proxy.delay(0)
    client.socket.write('b')
    await expect.poll(() => client.seen.text, { interval: 5 }).toBe('AB')
    expect(performance.now() - start).toBeGreaterThanOrEqual(45)
  })

  it('stall: nothing gets through, and after it a connection that lost nothing goes on', async () => {
    const [busy, idle] = [await dial(), await dial()]
    await busy.ask('x')
    await idle.ask('x')
    proxy.stall()
    busy.socket.write('lost')
    const late = await dial()
    late.socket.write('lost')
    await setTimeout(50)
    expect([busy.seen.text, late.seen.text, heard]).toEqual(['X', '', 'xx'])
    await proxy.resume()
    await expect.poll(() => [busy.seen.closed, late.seen.closed]).toEqual([true, true])
    await idle.ask('still')
    expect(heard).toBe('xxstill')
  })

  it('abandon: the connections of now are silent for good, and never closed; new ones work', async () => {
    const client = await dial()
    await client.ask('x')
    proxy.abandon()
    client.socket.write('lost')
    for (const socket of sockets) if (socket !== client.socket) socket.end()
    const fresh = await dial()
    await fresh.ask('fresh')
    await proxy.resume()
    await setTimeout(50)
    expect(client.seen).toEqual({ text: 'X', ended: false, closed: false })
    expect(heard).toBe('xfresh')
  })

  it('cutReplies: the server has had the request and answered, the client is cut without the answer', async () => {
    const [client, other] = [await dial(), await dial()]
    const lost = proxy.cutReplies((request) => request.includes('write'), { times: 1 })
    await client.ask('read')
    client.socket.write('write')
    await lost.first
    await expect.poll(() => client.seen.closed).toBe(true)
    expect([client.seen.text, heard, lost.count]).toEqual(['READ', 'readwrite', 1])
    await other.ask('write')
    expect(lost.count).toBe(1)
  })

  it('refuse: connections are cut and new ones refused until it ends', async () => {
    const client = await dial()
    await proxy.refuse()
    await expect.poll(() => client.seen.closed).toBe(true)
    await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await proxy.resume()
    await (await dial()).ask('back')
  })

  it('halfClose: clients see the end, and what they still send goes nowhere', async () => {
    const client = await dial()
    await client.ask('x')
    proxy.halfClose()
    client.socket.write('lost')
    await expect.poll(() => client.seen).toEqual({ text: 'X', ended: true, closed: true })
    await expect.poll(() => proxy.connections).toBe(0)
    expect(heard).toBe('x')
    await (await dial()).ask('fresh')
  })

  it('cut: all connections are reset', async () => {
    const client = await dial()
    await client.ask('x')
    const failed = once(client.socket, 'error')
    proxy.cut()
    expect(await failed.catch((error: unknown) => [error])).toMatchObject([{ code: 'ECONNRESET' }])
    expect(proxy.connections).toBe(0)
  })

  it('a server that is down closes the connection', async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    const client = await dial()
    await expect.poll(() => client.seen.closed).toBe(true)
  })

  it('rewrite changes answers', async () => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const other = await proxyTo(address.port, { rewrite: (answer) => Buffer.from(String(answer).replace('A', 'B')) })
    const socket = connect(other.port, '127.0.0.1')
    sockets.add(socket)
    socket.write('a')
    expect(String((await once(socket, 'data'))[0])).toBe('B')
    await other.close()
  })
})
