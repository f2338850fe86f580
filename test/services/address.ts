import { inject } from 'vitest'
import type { SharedName } from './servers.ts'

/** Where a server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** The shared server of a store; nowhere, for a store that needs none. */
export async function serverOf({ server }: { readonly server?: SharedName }): Promise<Address> {
  return server === undefined ? { host: '', port: 0 } : sharedServer(server)
}

/**
 * A server that all test files share: started when the first asks for it, ended with the run. Keep apart by prefix,
 * table or database, and leave it running: a test that stops its server starts one of its own.
 */
export async function sharedServer(name: SharedName): Promise<Address> {
  const response = await fetch(`${inject('broker')}/${name}`)
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()) as Address
}
