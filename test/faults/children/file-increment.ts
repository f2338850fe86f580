/** Adds 1 to the number in a record, again and again: `<directory> <key> <times>`. Prints how often it lost a race. */
import { fileStore } from '../../../src/stores/file/index.ts'

const [directory = '', key = '', times = '0'] = process.argv.slice(2)
const store = fileStore({ directory })
let lost = 0

for (let done = 0; done < Number(times); ) {
  const record = await store.read(key)
  if (record === null) throw new Error('the record is missing')
  const next = { ...record, payload: String(Number(record.payload) + 1), version: record.version + 1 }
  if (await store.replace(key, next, record.version)) done += 1
  else lost += 1
}
process.stdout.write(String(lost))
