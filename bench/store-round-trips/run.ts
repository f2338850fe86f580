import { commandTables, printCommands } from './commands.ts'
const tables = await commandTables()
for (const t of tables) printCommands(t)
