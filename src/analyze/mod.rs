//! One trace in, facts out: calls, nodes, flows. Pure: no clock, no I/O, no order of arrival.
