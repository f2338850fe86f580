import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeSession } from '../../src/adapters/node.ts'
import { type Running, serveHttp } from '../fixtures/servers.ts'
import { stage } from './apps/stage.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close()
})

async function running(server: Promise<Running>): Promise<Running> {
  const started = await server
  closing.push(started)
  return started
}

describe('TLS', () => {
  // A pre-shared key needs no certificate.
  const key = randomBytes(16)
  const secure = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const
  const serverSide = { ...secure, pskCallback: () => key }
  const clientSide = {
    ...secure,
    pskCallback: () => ({ psk: key, identity: 'test' }),
    checkServerIdentity: () => undefined,
    rejectUnauthorized: false,
  }
  const options = { cookie: { secure: 'auto', name: 'sid' } } as const

  it('is recognised on https', async () => {
    const { sessions } = stage(options)
    const server = https.createServer(
      serverSide,
      nodeSession(sessions, (req, res) => begin(req, res)),
    )
    const begin = (req: IncomingMessage, res: { end(): unknown }): void => {
      sessions.of(req).set('count', 1)
      res.end()
    }
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(server)
    const { port } = server.address() as AddressInfo
    const cookies = await new Promise<string[]>((resolve, reject) => {
      const request = https.get({ host: '127.0.0.1', port, agent: false, ...clientSide }, (response) => {
        response.resume()
        resolve(response.headers['set-cookie'] ?? [])
      })
      request.on('error', reject)
    })
    expect(cookies).toEqual([expect.stringMatching(/; Secure/i)])
    const plain = await running(serveHttp(nodeSession(sessions, (req, res) => begin(req, res))))
    expect((await plain.request()).cookies).toEqual([expect.not.stringMatching(/; Secure/i)])
  })

  it('is recognised on http2', async () => {
    const { sessions } = stage(options)
    const server = http2.createSecureServer(
      serverSide,
      nodeSession(sessions, (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => {
        sessions.of(req).set('count', 1)
        res.end()
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(server)
    const client = http2.connect(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, clientSide)
    closing.unshift(client)
    const cookies = await new Promise((resolve, reject) => {
      const stream = client.request({ ':path': '/' })
      stream.on('response', (headers) => resolve(headers['set-cookie']))
      stream.on('error', reject)
      stream.resume()
    })
    expect(cookies).toEqual([expect.stringMatching(/; Secure/i)])
  })
})
