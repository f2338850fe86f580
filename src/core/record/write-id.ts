import { toBase64Url } from '../../crypto/base64url.ts'
import { secureRandom } from '../../crypto/random.ts'

const prefixBytes = 6

let prefix = ''
// Of six digits from the start, so that what fits into a record today fits tomorrow.
let count = 36 ** 5

/**
 * Names one write of this process, so that it is known again when its acknowledgement was lost.
 *
 * Two processes can write the same values at the same version in the same millisecond; only this distinguishes them. The
 * prefix is drawn with the first write: some runtimes give no random bytes while modules are loaded.
 */
export function nextWriteId(): string {
  if (prefix === '') prefix = toBase64Url(secureRandom(prefixBytes))
  return prefix + (count++).toString(36)
}
