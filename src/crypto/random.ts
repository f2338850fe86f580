/** Makes `length` unpredictable bytes. */
export type RandomSource = (length: number) => Uint8Array

/** The platform's CSPRNG. It throws when there is none: there is no weaker source to fall back to. */
export const secureRandom: RandomSource = (length) => crypto.getRandomValues(new Uint8Array(length))
