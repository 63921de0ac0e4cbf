"""All rows of the table, by their names."""

import rows_of_arguments
import rows_of_files
import rows_of_networks
import rows_of_variables

ROWS = (*rows_of_arguments.ROWS, *rows_of_variables.ROWS, *rows_of_files.ROWS, *rows_of_networks.ROWS)
BY_NAME = {row.name: row for row in ROWS}
assert len(BY_NAME) == len(ROWS), sorted(row.name for row in ROWS if BY_NAME[row.name] is not row)
