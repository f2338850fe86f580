import { historyCases } from './cases.ts'
import { postgresTarget } from './targets.ts'

historyCases('PostgreSQL', () => postgresTarget('pg'))
