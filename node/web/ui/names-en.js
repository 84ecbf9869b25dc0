// Names of fields, tables and columns of the apps that come along; the manifest's own are used where there is none.
export default {
  'column.updated': 'Last changed', 'column.fee_now': 'Cancelling now costs', 'column.valid_until': 'Can be agreed to until', 'column.held_until': 'Held until', 'column.return': 'Return',
  'column.by': 'Opened by', 'column.at': 'When', 'column.author': 'Who', 'column.provider': 'Provider', 'column.client': 'Client', 'column.notice_s': 'Seconds of notice', 'column.done': 'Done at',
  'column.proved': 'Code shown',
};
