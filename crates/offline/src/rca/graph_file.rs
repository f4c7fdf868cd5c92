//! Who calls whom, by a file: a matrix with a 1 where the row calls the column (PetShop), or a row per call.

use diagnose::case::Call;

use crate::bad_input::{BadInput, quoted};
use crate::table::{Table, number};

/// The calls of a file.
///
/// # Errors
/// At the first cell of a matrix that is no number, or if the file is neither a matrix nor a list of pairs.
pub fn read(table: &Table) -> Result<Vec<Call>, BadInput> {
    let names: Vec<&str> = table.columns.iter().map(|it| it.name.trim()).collect();
    let lower: Vec<String> = names.iter().map(|it| it.to_ascii_lowercase()).collect();
    let find = |known: &[&str]| lower.iter().position(|it| known.contains(&it.as_str()));
    let caller = find(&["caller", "source", "from", "parent", "src"]);
    let callee = find(&["callee", "target", "to", "child", "dst", "destination"]);
    match (caller, callee) {
        (Some(caller), Some(callee)) => Ok(pairs(table, caller, callee)),
        _ if table.n_rows() > 0 && names.len() > 2 => matrix(table, &names),
        _ => Err(BadInput::of_file(
            &table.file,
            "it does not tell who calls whom",
            "give columns caller and callee, or a matrix with a 1 where the row calls the column",
        )),
    }
}

fn pairs(table: &Table, caller: usize, callee: usize) -> Vec<Call> {
    let call = |row| Call {
        caller: table.cell(row, caller).trim().to_owned(),
        callee: table.cell(row, callee).trim().to_owned(),
    };
    (0..table.n_rows()).map(call).filter(|it| !it.caller.is_empty() && !it.callee.is_empty()).collect()
}

fn matrix(table: &Table, names: &[&str]) -> Result<Vec<Call>, BadInput> {
    let mut calls = vec![];
    for row in 0..table.n_rows() {
        let caller = table.cell(row, 0).into_owned();
        for (column, callee) in names.iter().enumerate().skip(1) {
            let cell = table.cell(row, column);
            let Some(weight) = number(&cell) else {
                let found = format!("found {} where 0 or 1 is expected", quoted(&cell));
                return Err(table.bad_cell(row, column, found, "give a matrix, or columns caller and callee"));
            };
            if weight > 0.0 {
                calls.push(Call { caller: caller.clone(), callee: (*callee).to_owned() });
            }
        }
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv_file;

    #[test]
    fn a_matrix_and_a_list_tell_the_same_calls() {
        let expected = [Call { caller: "a".to_owned(), callee: "b".to_owned() }];
        for text in [",a,b\na,0.0,1.0\nb,0.0,0.0\n", "caller,callee\na,b\n"] {
            assert_eq!(read(&csv_file::parse("g.csv", text.as_bytes()).unwrap()).unwrap(), expected);
        }
        let error = read(&csv_file::parse("g.csv", b",a,b\na,0,x\n").unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("g.csv, line 2, column 3 (b): found \"x\""), "{error}");
    }
}
