import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { jarsFolder } from './jars.mjs'
import { freePort, type Server, startServer, temporaryFolder } from './process.ts'

/** Starts mongo-java-server: MongoDB's protocol over memory. It has no TTL monitor and no replica set. */
export async function startMongodb(): Promise<Server> {
  const port = await freePort()
  return startServer({
    name: 'mongodb',
    port,
    folder: temporaryFolder('mongodb'),
    command: 'java',
    args: [
      // It changes documents field by field, and others read them meanwhile: of 30,000 reads among 3,000 updates 2 to 4 were
      // torn. With one thread none is, as with MongoDB.
      '-Dio.netty.eventLoopThreads=1',
      '-cp',
      `${jarsFolder}/*`,
      fileURLToPath(new URL('MongoServer.java', import.meta.url)),
      String(port),
    ],
    ready: () => mongodbAnswers(port),
  })
}

/** Rejects unless the server answers a ping on the port. */
export async function mongodbAnswers(port: number): Promise<void> {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}`, { serverSelectionTimeoutMS: 1000 })
  try {
    await client.db('admin').command({ ping: 1 })
  } finally {
    await client.close()
  }
}
