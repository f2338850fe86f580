const mounted = new WeakMap<object, WeakSet<object>>()

/** Remembers that a request has its session of this system; false if it had one before. */
export function mountOnce(sessions: object, request: object): boolean {
  const requests = mounted.get(sessions)
  if (requests === undefined) mounted.set(sessions, new WeakSet([request]))
  else if (requests.has(request)) return false
  else requests.add(request)
  return true
}
