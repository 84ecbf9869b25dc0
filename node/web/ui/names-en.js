// Names of fields, tables and columns of the apps that come along; the manifest's own are used where there is none.
export default {
  'column.updated': 'Last changed', 'column.fee_now': 'Cancelling now costs', 'column.valid_until': 'Can be agreed to until', 'column.held_until': 'Held until', 'column.return': 'Return',
  'column.by': 'Opened by', 'column.at': 'When', 'column.author': 'Who', 'column.provider': 'Provider', 'column.client': 'Client', 'column.notice_s': 'Seconds of notice', 'column.done': 'Done at',
  'column.proved': 'Code shown', 'column.leg': 'Part', 'column.outcome': 'Wish', 'column.state': 'State', 'column.reason': 'Reason', 'column.note': 'Note', 'column.seats': 'Seats', 'column.contested': 'Contested',
  'column.dispute': 'Dispute', 'column.order': 'Order', 'column.quote': 'Offer', 'column.agree': 'Agreement', 'column.booking': 'Booking', 'column.space': 'Space', 'column.take': 'Taken by', 'column.stage': 'How far the work is', 'column.next': 'Who is next',
  'column.currency': 'Currency', 'column.revision': 'Number of the offer',
  'field.item': 'Item', 'field.quantity': 'How many', 'field.title': 'Title', 'field.trigger': 'When', 'field.kind': 'How', 'field.line': 'Line', 'field.options': 'Chosen', 'field.fee_bp': 'Fee in hundredths of a percent', 'field.stage': 'From',
  'field.order': 'Order', 'field.booking': 'Booking', 'field.leg': 'Part', 'field.legs': 'Payments', 'field.amount': 'Amount', 'field.method': 'Paid by', 'field.state': 'State', 'field.lines': 'What', 'field.window': 'When', 'field.place': 'Where to', 'field.note': 'Note',
  'field.address': 'Address', 'field.breakup': 'Parts of the price', 'field.total': 'Price', 'field.fulfilment': 'How it is done', 'field.terms': 'What cancelling costs', 'field.takes': 'Stock that is taken', 'field.arbiter': 'Arbiter', 'field.valid_until': 'Can be agreed to until',
  'field.silence_s': 'Ends without the client’s word after', 'field.return_s': 'May come back within', 'field.quote': 'Offer', 'field.holder': 'Who may review', 'field.tag': 'Random number', 'field.preimage': 'Code', 'field.handover_hash': 'Hash of the code for the door', 'field.proof_hash': 'Hash of a receipt',
  'field.reason': 'Reason', 'field.outcome': 'Wish', 'field.return': 'Return', 'field.text': 'Text', 'field.revision': 'Number', 'field.space': 'Space', 'field.start': 'From', 'field.end': 'To', 'field.seats': 'Seats', 'field.take': 'Taken by', 'field.resource': 'What is booked', 'field.until': 'Until',
};
