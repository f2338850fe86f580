import { historyCases } from './cases.ts'
import { fileTarget } from './targets.ts'

historyCases('files', fileTarget)
