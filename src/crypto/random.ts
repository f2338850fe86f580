/** Makes `length` unpredictable bytes. */
export type RandomSource = (length: number) => Uint8Array

// One call of the CSPRNG costs as much for a kilobyte as for a token. A byte is handed out once and wiped here.
const pool = new Uint8Array(1536)
let left = 0

/** The platform's CSPRNG. It throws when there is none: there is no weaker source to fall back to. */
export const secureRandom: RandomSource = (length) => {
  if (length > pool.length / 8) return crypto.getRandomValues(new Uint8Array(length))
  if (length > left) {
    left = 0
    crypto.getRandomValues(pool)
    left = pool.length
  }
  const bytes = pool.slice(left - length, left)
  pool.fill(0, left - length, left)
  left -= length
  return bytes
}
