// Buys the documented example and lists the service's instances with Baidu's own Node.js SDK, from whatever the
// environment points at. Run by ./run.sh, which points it at the simulator.
import {consoleAction} from '@baiducloud/qianfan';

const purchase = {
    serviceId: 'svco-48esssdpa594',
    billing: {paymentTiming: 'Prepaid', reservation: {reservationTimeUnit: 'Month', reservationLength: 5}},
    replicasCount: 5,
};

const call = (action, data) => consoleAction({base_api_route: '/v2/serviceresources', action, data});

const bought = await call('PurchaseComputeUnit', purchase);
console.log('bought:', JSON.stringify(bought));
const listed = await call('DescribeComputeUnits', {serviceId: purchase.serviceId});
console.log('listed:', JSON.stringify(listed));

const ids = listed.result.instances.map(instance => instance.instanceId);
if (ids.length !== 1 || ids[0] !== bought.result.instanceId) {
    console.error('the listing does not show what was bought');
    process.exit(1);
}
