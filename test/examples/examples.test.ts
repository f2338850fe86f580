import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import web from '../../examples/web/handler.ts'

const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Starts an example as its first line says, on a free port. */
async function start(example: string): Promise<string> {
  const child = spawn(process.execPath, ['tools/run-ts.mjs', `examples/${example}/server.ts`], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let printed = ''
  for await (const chunk of child.stdout) {
    printed += chunk
    const [, port] = /localhost:(\d+)/.exec(printed) ?? []
    if (port !== undefined) return `http://127.0.0.1:${port}`
  }
  throw new Error(`the example ended: ${printed}`)
}

async function visit(url: string, cookie = '', init: RequestInit = {}): Promise<{ text: string; cookie: string }> {
  const response = await fetch(url, { ...init, headers: { cookie }, redirect: 'manual' })
  const [set] = response.headers.getSetCookie()
  return { text: await response.text(), cookie: set?.split(';')[0] ?? cookie }
}

describe('examples', () => {
  it('express: counts visits and says once that it forgot', async () => {
    const origin = await start('express')
    const first = await visit(origin)
    expect(first.text).toContain('Visit 1')
    const second = await visit(origin, first.cookie)
    expect(second.text).toContain('Visit 2')
    const forgotten = await visit(`${origin}/forget`, second.cookie, { method: 'POST' })
    expect(forgotten.cookie).not.toBe(second.cookie)
    expect((await visit(origin, forgotten.cookie)).text).toContain('Visit 1. Everything is forgotten.')
    expect((await visit(origin, forgotten.cookie)).text).not.toContain('forgotten')
  })

  it('node: a WebSocket shares the session', async () => {
    const origin = await start('node')
    const { cookie } = await visit(origin)
    const socket = new WebSocket(origin.replace('http', 'ws'), { headers: { cookie } })
    await once(socket, 'open')
    socket.send('hello')
    const [message] = await once(socket, 'message')
    expect(String(message)).toBe('Message 1 after 1 visits')
    socket.close()
  })

  it('web: the handler needs nothing but a Request', async () => {
    const first = await web.fetch(new Request('https://shop.example/'))
    const [cookie = ''] = first.headers.getSetCookie()
    const second = await web.fetch(new Request('https://shop.example/', { headers: { cookie } }))
    expect(await second.text()).toBe('Visit 2\n')
  })
})
