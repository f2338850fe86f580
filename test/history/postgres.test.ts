import { historyCases } from './cases.ts'
import { postgresStage } from './stages.ts'

historyCases('PostgreSQL', () => postgresStage('pg'))
