import { historyCases } from './cases.ts'
import { fileStage } from './stages.ts'

historyCases('files', fileStage)
