/** Whether two types are the same; `any` equals nothing but itself. */
export type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only if the claim holds: `claim<Equals<A, B>>()`. */
export function claim<_Truth extends true>(): void {
  // All of it is in the type.
}
