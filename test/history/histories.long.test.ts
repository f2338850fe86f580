import { longHistoryCases } from './cases.ts'
import { fileStage, postgresStage, redisStage } from './stages.ts'

const minutes = 3

longHistoryCases('files', minutes, fileStage)
longHistoryCases('PostgreSQL through pg', minutes, () => postgresStage('pg'))
longHistoryCases('PostgreSQL through postgres', minutes, () => postgresStage('postgres'))
longHistoryCases('Redis through redis', minutes, () => redisStage('redis'))
longHistoryCases('Redis through ioredis', minutes, () => redisStage('ioredis'))
