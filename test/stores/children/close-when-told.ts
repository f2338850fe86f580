// Opens the store of its argument, reads, and prints "open". On SIGTERM it closes the store and prints how many ms that
// took. It does not exit: it ends when nothing is left that keeps it running.
import { openStore } from '../../../src/stores/index.ts'

const [text = ''] = process.argv.slice(2)
const store = await openStore(text)
if (!('read' in store)) throw new Error('a sealed store')
await store.read('a-key-of-an-opened-store')
const running = setInterval(() => undefined, 60_000)
process.once('SIGTERM', async () => {
  clearInterval(running)
  const began = performance.now()
  await store.close()
  console.log(Math.round(performance.now() - began))
})
console.log('open')
