mod fixture;
mod laws;
mod levels;
mod oracle;
mod reading;
mod worked_example;
