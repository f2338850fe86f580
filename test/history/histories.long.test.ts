import { longHistoryCases } from './cases.ts'
import { fileTarget, postgresTarget, redisTarget } from './targets.ts'

const minutes = 3

longHistoryCases('files', minutes, fileTarget)
longHistoryCases('PostgreSQL through pg', minutes, () => postgresTarget('pg'))
longHistoryCases('PostgreSQL through postgres', minutes, () => postgresTarget('postgres'))
longHistoryCases('Redis through redis', minutes, () => redisTarget('redis'))
longHistoryCases('Redis through ioredis', minutes, () => redisTarget('ioredis'))
