import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Starts a server on a free port and tells the parent which.
 *
 * It counts the requests and answers `/usage` with them and with the CPU time of the process, beside the application.
 */
export function serve(listener: RequestListener): void {
  let requests = 0
  const server = createServer((req, res) => {
    if (req.url === '/usage') {
      const { user, system } = process.cpuUsage()
      res.end(JSON.stringify({ requests, cpu: user + system }))
      return
    }
    requests++
    listener(req, res)
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}
