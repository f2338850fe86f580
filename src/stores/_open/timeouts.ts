/** How long a connection may take, ms: the default `storeTimeout`, after which nobody waits for it. */
export const connectTimeoutMs = 2_000

/** For how long a connection may say nothing while something is asked of it, ms: twice that. */
export const silenceMs = 4_000

/** How long commands that are under way have when a client is closed, ms. */
export const goodbyeMs = 1_000
