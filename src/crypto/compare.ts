/**
 * Whether two texts are equal, in a time that depends on the length of the second alone.
 *
 * For tags and tokens of a known length; that the length differs is no secret.
 */
export function constantTimeEqual(secret: string, candidate: string): boolean {
  let difference = secret.length ^ candidate.length
  for (let i = 0; i < candidate.length; i++) {
    difference |= (secret.charCodeAt(i % (secret.length || 1)) | 0) ^ candidate.charCodeAt(i)
  }
  return difference === 0
}
